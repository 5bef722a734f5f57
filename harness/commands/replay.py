"""`streamspec replay`: play a stored case again. Words in, a report and an exit code out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from streamspec.harness.commands._deliver import deliver, errors, outputs_of
from streamspec.harness.commands._options import ASKING, EXIT_CODES, RUNNING
from streamspec.harness.core.run import exit_code


@click.command(epilog=EXIT_CODES)
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("url", required=False)
@click.option("--object", "object_", default="", metavar="MODULE:FACTORY", help="Another object than the one that the "
    "history names. Either is imported and called: play what you trust.")  # fmt: skip
@ASKING
@RUNNING
def replay(path: Path, url: str | None, **options: Any) -> None:
    """Play the case of a stored history again: the same requests and acts, on its own target or on URL; or the same
    calls, on the object that it names."""
    with errors():
        from streamspec.harness.assembly import run_target
        from streamspec.harness.commands._until_signal import made
        from streamspec.harness.engine import store
        from streamspec.harness.options import replay_settings

        outputs = outputs_of(options["outputs"])
        settings = replay_settings(store.load_history(path), url or "", options)
        judged = made(lambda progress: run_target(settings, progress))
        deliver(judged, outputs, options["color"])
    sys.exit(exit_code(judged))

"""`streamspec fuzz`: search a target for scripts that break a rule. Words in, a report and an exit code out."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from streamspec.harness.commands._deliver import deliver, errors, outputs_of
from streamspec.harness.commands._options import EXIT_CODES, RUNNING, TARGET
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.run import exit_code


@click.command(epilog=EXIT_CODES)
@TARGET
@RUNNING
@click.option(
    "--time",
    "seconds",
    default=10.0,
    type=click.FloatRange(0, min_open=True),
    show_default=True,
    metavar="SECONDS",
    help="How long the search may take in all, once the target was probed.",
)
@click.option(
    "--property",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this property (object-calls, roles, scripts); repeatable.",
)
@click.option("--save", default=None, type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Keep the case file of each failure here, too.")  # fmt: skip
def fuzz(url: str | None, seconds: float, names: tuple[str, ...], save: Path | None, **options: Any) -> None:
    """Search the stream at URL, or the objects that --object makes, for scripts that break a rule. What is found is
    made smaller, played again, and kept as a case file for `streamspec replay`."""
    with errors():
        if find_spec("hypothesis") is None:
            raise UsageError("fuzz needs hypothesis: pip install 'streamspec[fuzz]'")
        from streamspec.harness.commands._until_signal import made
        from streamspec.harness.fuzzing import Fuzzing, run_fuzz
        from streamspec.harness.options import run_settings

        outputs = outputs_of(options["outputs"])
        fuzzing = Fuzzing(seconds, names, _directory(save))
        settings = run_settings(url or "", options)
        judged = made(lambda progress: run_fuzz(settings, fuzzing, progress))
        deliver(judged, outputs, options["color"])
    sys.exit(exit_code(judged))


def _directory(save: Path | None) -> Path | None:
    """Made before any traffic. Raises `UsageError`."""
    if save is not None:
        try:
            save.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--save {save}: {error.strerror}") from error
    return save

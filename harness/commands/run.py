"""`streamspec run`: judge a target. Words in, a report and an exit code out."""

from __future__ import annotations

import sys
from typing import Any

import click

from streamspec.harness.commands._deliver import deliver, errors, outputs_of
from streamspec.harness.commands._options import BASELINE, EXIT_CODES, RUNNING, TARGET
from streamspec.harness.core.run import exit_code


@click.command(epilog=EXIT_CODES)
@TARGET
@RUNNING
@BASELINE
def run(url: str | None, **options: Any) -> None:
    """Judge the stream at URL, or the objects that --object makes; without either, what streamspec.toml names, or else
    the embedded reference."""
    with errors():
        from streamspec.harness import baseline_file
        from streamspec.harness.assembly import run_target
        from streamspec.harness.commands._until_signal import made
        from streamspec.harness.options import run_settings

        outputs = outputs_of(options["outputs"])
        settings = run_settings(url or "", options)
        compared = baseline_file.comparison(settings.baseline, options["write_baseline"])
        judged = compared(made(lambda progress: run_target(settings, progress)))
        deliver(judged, outputs, options["color"])
    sys.exit(exit_code(judged))

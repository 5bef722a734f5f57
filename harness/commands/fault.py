"""`streamspec fault`: judge a target with faults on its way. Words in, a report and an exit code out."""

from __future__ import annotations

import sys
from typing import Any

import click

from streamspec.harness.commands._deliver import deliver, errors, outputs_of
from streamspec.harness.commands._options import EXIT_CODES, RUNNING, TARGET
from streamspec.harness.core.run import exit_code


@click.command(epilog=EXIT_CODES)
@TARGET
@click.option(
    "--toxic",
    "toxics",
    multiple=True,
    metavar="NAME",
    help="Only this fault: latency, slicer, bandwidth, slow_close; limit_data, cut_at, reset_peer, timeout, down; of "
    "objects pause, cancel, drop. Repeatable.",
)
@click.option(
    "--toxiproxy",
    default="",
    metavar="URL|PATH",
    help="A Toxiproxy to lead through instead of our own proxy: the URL of its API, or the program to be started.",
)
@RUNNING
def fault(url: str | None, toxics: tuple[str, ...], toxiproxy: str, **options: Any) -> None:
    """Judge the stream at URL through a proxy that delays, slices and cuts it (docs/faults.md), or the objects that
    --object makes; without either, what streamspec.toml names, or else the embedded reference."""
    with errors():
        from streamspec.harness.commands._until_signal import made
        from streamspec.harness.faulting import Faulting, run_faults
        from streamspec.harness.options import run_settings

        outputs = outputs_of(options["outputs"])
        settings = run_settings(url or "", options)
        faulting = Faulting(toxics, toxiproxy)
        judged = made(lambda progress: run_faults(settings, faulting, progress))
        deliver(judged, outputs, options["color"])
    sys.exit(exit_code(judged))

"""`streamspec load`: many streams at once, by an open loop. Words in, a report and an exit code out."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from streamspec.harness.commands._deliver import deliver, errors, outputs_of
from streamspec.harness.commands._options import EXIT_CODES, RUNNING, TARGET, several
from streamspec.harness.core.run import SIGNAL_EXITS, exit_code

# How much, and what is allowed.
HOW_MUCH = several(
    click.option("--streams", default=100, show_default=True, type=click.IntRange(1, 20_000), metavar="N",
        help="Streams that may be open at once; one that would be too many is not begun, and counted as missed."),
    click.option("--rate", default=20.0, show_default=True, type=click.FloatRange(0.01, 10_000), metavar="PER_SECOND",
        help="Streams that begin in a second, whatever becomes of those before."),
    click.option("--duration", "duration_s", default=10.0, show_default=True, type=click.FloatRange(0.1, 86_400),
        metavar="SECONDS", help="For how long streams begin."),
    click.option("--arrivals", default="even", show_default=True, type=click.Choice(["even", "poisson"]),
        help="Evenly spaced, or as of clients that know nothing of each other (by --seed)."),
    click.option("--role-name", default="", metavar="NAME", help="The role whose streams are opened: finite, read to "
        "its end (the default where there is one), or endless, of which some items are read."),
    click.option("--max", "limits", multiple=True, metavar="WHAT=LIMIT", help="What fails the run when it is exceeded: "
        "ttfe.p99=50 (ms), whole.mean=200, failed=0.1%, missed=0%. Repeatable; failed=0% unless you say another."),
)  # fmt: skip

# Engines on other machines, by Locust's own master and workers.
MACHINES = several(
    click.option("--expect-workers", default=0, type=click.IntRange(0, 1_000), metavar="N", help="Wait for so many "
        "workers, and let them share the load; each is `streamspec load --worker` on some machine."),
    click.option("--expect-workers-max-wait", "wait_s", default=60, show_default=True, type=click.IntRange(1, 3_600),
        metavar="SECONDS", help="For so long at most."),
    click.option("--worker", is_flag=True, help="Be a worker: what to do is said by the master."),
    click.option("--master-host", default="127.0.0.1", show_default=True, metavar="HOST", help="Where the master is; "
        "for the master itself, the address at which it waits. What it tells its workers goes in the clear, with the "
        "headers that the target is asked with."),
    click.option("--master-port", default=5557, show_default=True, type=click.IntRange(1, 65_535), metavar="PORT"),
    click.option("--web-port", default=0, type=click.IntRange(0, 65_535), metavar="PORT", help="Show Locust's own "
        "screens at this port of 127.0.0.1 while it runs."),
    click.option("--locust-html", default="", metavar="FILE", help="Locust's own report, its figures rounded."),
)  # fmt: skip


@click.command(epilog=EXIT_CODES)
@TARGET
@HOW_MUCH
@MACHINES
@RUNNING
def load(url: str | None, **options: Any) -> None:
    """Open many streams of the target at URL at a steady rate, judge each one, and measure from when each was due.
    Without a URL, what streamspec.toml names, or else the embedded reference."""
    with errors():
        from streamspec.harness import loading, locust_process
        from streamspec.harness.commands._until_signal import made
        from streamspec.harness.load_options import asked_of
        from streamspec.harness.options import run_settings

        locust_process.need_locust()
        if options["worker"]:
            try:
                sys.exit(asyncio.run(locust_process.be_worker(options["master_host"], options["master_port"])))
            except KeyboardInterrupt:
                sys.exit(SIGNAL_EXITS["SIGINT"])
        outputs = outputs_of(options["outputs"])
        settings = run_settings(url or "", options)
        asked = asked_of(options, settings.seed)
        judged = made(lambda progress: loading.run_load(settings, asked, progress))
        deliver(judged, outputs, options["color"])
    sys.exit(exit_code(judged))

"""From the options of `streamspec load` to what it is asked for. Never here: the target's options (`options`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.load import Wanted
from streamspec.harness.load.figures import threshold
from streamspec.harness.loading import DEFAULT_MAX, Asked
from streamspec.harness.locust_process import WEB, Company

if TYPE_CHECKING:
    from collections.abc import Mapping

STREAMS_MAX = 10_000_000  # that are due, all together


def asked_of(options: Mapping[str, Any], seed: int) -> Asked:
    """Raises `UsageError`."""
    wanted = Wanted(options["streams"], options["rate"], options["duration_s"], seed, options["arrivals"])
    if wanted.rate * wanted.duration_s > STREAMS_MAX:
        raise UsageError(f"--rate and --duration make more than {STREAMS_MAX} streams")
    limits = tuple(threshold(word) for word in options["limits"])
    if not any(limit.what == "failed" for limit in limits):
        limits = (*limits, threshold(DEFAULT_MAX))
    workers = options["expect_workers"]
    company = Company(workers, options["master_host"], options["master_port"], options["wait_s"]) if workers else None
    return Asked(
        wanted,
        options["role_name"],
        limits,
        company,
        tuple(_for_locust(options)),
        options["insecure"],
        options["cacert"],
    )


def _for_locust(options: Mapping[str, Any]) -> list[str]:
    """The words for Locust's own screens and reports."""
    words: list[str] = []
    if options["web_port"]:
        words += ["--web-host", "127.0.0.1", WEB, str(options["web_port"]), "--autostart"]
    if options["locust_html"] and words:
        raise UsageError("--locust-html: Locust writes it where it shows no screens; leave --web-port out")
    if options["locust_html"]:
        path = Path(options["locust_html"])
        if not path.parent.is_dir():
            raise UsageError(f"--locust-html {path}: there is no such directory")
        words += ["--html", str(path.resolve())]
    return words

"""Locust's process, and through it the engines: started, watched, and brought to an end, whatever happens.

What it says comes through a file of ours, replaced whole once a second. Never here: what a figure means, or gevent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.errors import InternalError, NoVerdict, UsageError
from streamspec.harness.core.inert import printable
from streamspec.harness.core.run import EXIT_OK
from streamspec.harness.load import figures
from streamspec.harness.load.controller import Controller, controller_from_json
from streamspec.harness.load_job import Job, job_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.engine.runner import Progress

LOCUSTFILE: Final = Path(__file__).parent / "load" / "locustfile.py"
ORDER: Final = "STREAMSPEC_LOAD"  # as in `load.locustfile`, which this process cannot import
WEB: Final = "--web-port"
EVERY_S: Final = 0.5  # from one look at the result to the next
BEGIN_S: Final = 30.0  # for Locust to import and its workers' engines to begin
DRAIN_S: Final = 45.0  # for the last streams to end, and Locust after them
END_S: Final = 15.0  # from when we ask for an end
WORDS_BYTES: Final = 4_096  # of Locust's own, its last ones


@dataclass(frozen=True, slots=True)
class Company:
    """Engines on other machines: how many there are to be, and where Locust's master waits for them, for how long."""

    workers: int
    host: str
    port: int
    wait_s: int


def need_locust() -> None:
    """Raises `UsageError` when the extra is not there. Nothing of it is imported: that would patch this process."""
    if find_spec("locust") is None:
        raise UsageError("load needs locust: pip install 'streamspec[load]'")


async def run_locust(job: Job, company: Company | None, more: Sequence[str], place: Path, progress: Progress) -> None:
    """Until Locust is over; cancelled, it lets it come to a truthful end first. `more` are words for Locust itself,
    `place` is a directory for nothing else. Raises `NoVerdict`, `UsageError`."""
    order = place / "order.json"
    order.touch(mode=0o600)  # it holds the secrets with which the target is asked
    expected = company.workers if company else 1
    data = {"job": job_to_json(job), "result": str(place / "result.json"), "expected": expected}
    order.write_text(json.dumps(data), "utf-8")
    words = ["-u", str(expected), "-r", str(expected), *more]
    if company:
        _free(company)
        words += ["--master", "--expect-workers", str(company.workers)]
        words += ["--expect-workers-max-wait", str(company.wait_s)]
        words += ["--master-bind-host", company.host, "--master-bind-port", str(company.port)]
    if WEB not in more:
        words.append("--headless")
    with (place / "locust.log").open("wb") as log:
        process = await _started(words, {ORDER: str(order)}, place, log)
        limit_s = BEGIN_S + (company.wait_s if company else 0) + job.wanted.duration_s + DRAIN_S
        try:
            with contextlib.suppress(TimeoutError):  # then somebody's final word is missing, and that is told
                async with asyncio.timeout(limit_s):
                    await _watched(process, job, place, progress)
        finally:
            await _ended(process, at_once=WEB in more)
    if not (place / "result.json").exists():
        raise NoVerdict(f"Locust ended with {process.returncode} before it began: {_last_words(place)}")


async def be_worker(host: str, port: int) -> int:
    """One of the engines of a load elsewhere, until its master is done; then an exit code. A signal ends it as the
    master's word would."""
    with tempfile.TemporaryDirectory(prefix="streamspec-load-") as name:
        place = Path(name)
        with (place / "locust.log").open("wb") as log:
            words = [
                "--worker",
                "--headless",
                "--master-host",
                host,
                "--master-port",
                str(port),
                "--stop-timeout",
                "10",
            ]
            process = await _started(words, {}, place, log)
            try:
                await process.wait()
            finally:
                await _ended(process, at_once=False)
        if process.returncode:
            raise NoVerdict(f"the worker ended with {process.returncode}: {_last_words(place)}")
        return EXIT_OK


async def _started(words: Sequence[str], more: dict[str, str], cwd: Path, log: Any) -> asyncio.subprocess.Process:
    # Locust reads options out of variables, too: somebody's LOCUST_RUN_TIME is not about this load.
    env = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")} | more
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--stop-timeout", "10", *words]
    command += ["--exit-code-on-error", "0"]  # failures are counted, and judged here
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,  # where no locust.conf lies
            env=env,
            stdin=asyncio.subprocess.PIPE,  # when it ends, so does Locust: it never outlives us
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is ours to handle
        )
    except OSError as error:
        raise InternalError(f"Locust could not be started: {error}") from error


async def _watched(process: asyncio.subprocess.Process, job: Job, place: Path, progress: Progress) -> None:
    """Until it has ended, or all engines have had their final word; telling how far it has come."""
    waiting = asyncio.ensure_future(process.wait())
    due, seconds, over = round(job.wanted.rate * job.wanted.duration_s), -1, False
    while not (waiting.done() or over):
        await asyncio.wait({waiting}, timeout=EVERY_S)
        controller = result_of_locust(place)
        over = controller is not None and controller.over
        begun = figures.total_of(controller).counts["due"] if controller else 0
        if (now := round(begun / job.wanted.rate)) != seconds:
            seconds = now
            progress("streams that were due have begun" if now else "Locust begins", begun, due)


async def _ended(process: asyncio.subprocess.Process, *, at_once: bool) -> None:
    """Ask it to end, by its stdin; then by its handle, at once where it shows screens that nobody closes."""
    assert process.stdin
    process.stdin.close()
    for finish in (process.terminate if at_once else None, process.terminate, process.kill):
        if finish and process.returncode is None:
            finish()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await process.wait()
                return


def _free(company: Company) -> None:
    """Raises `UsageError` when somebody else has the port: Locust would only say so in its log."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((company.host, company.port))
        except OSError as error:
            raise UsageError(
                f"--master-port {company.port}: {company.host} has it not free ({error.strerror})"
            ) from error


def _last_words(place: Path) -> str:
    """What Locust says went wrong, else the last that it said; made inert."""
    text = (place / "locust.log").read_bytes()[-WORDS_BYTES:].decode("utf-8", "replace")
    said = [line for line in text.splitlines() if line.strip()]
    wrong = [line.rpartition(": ")[2] for line in said if "/ERROR/" in line or "Error:" in line]
    return printable(" / ".join(wrong[-3:] or said[-3:]), WORDS_BYTES) or "it said nothing"


def result_of_locust(place: Path) -> Controller | None:
    """What there is so far; None before it began. Raises `InternalError` for what cannot be read: it is ours."""
    path = place / "result.json"
    if not path.exists():
        return None
    try:
        return controller_from_json(json.loads(path.read_bytes()))
    except ValueError as error:
        raise InternalError(f"what Locust's process wrote cannot be read: {error}") from error

"""How an engine plays and judges streams of a server: the same transport, decoder, recorder and rules as a run.

A door of the engine's process. Never here: when a stream begins, or what many of them add up to.
"""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import Capabilities, Control, Role
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Ended
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.load import Load
from streamspec.harness.core.ports import Transport
from streamspec.harness.discovery import all_drivers, all_rules, constants
from streamspec.harness.engine.runner import Bench, header_of, recorder_of, stage_of
from streamspec.harness.engine.session import play_one
from streamspec.harness.load.engine import Engine
from streamspec.harness.load_streams import Streams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Body, Exchange, Request
    from streamspec.harness.load_job import Job

RECORDS_OF_A_KIND: Final = 5_000  # of one stream; what is beyond is counted, and no evidence
SPARE_DESCRIPTORS: Final = 200  # beside one for each stream that is open
DRAIN_MORE_MS: Final = 2_000.0  # beyond what a stream may take, for the last ones to be judged


class _Leaving:
    """An exchange whose end is abrupt once its message was whole: an orderly one would leave the port in TIME_WAIT for
    a minute, and a load runs out of them. After the end of a message an RST says nothing (standing condition 2)."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._whole = False

    async def receive(self) -> Sequence[Event | Body]:
        events = await self._exchange.receive()
        self._whole = self._whole or any(isinstance(event, Ended) for event in events)
        return events

    async def close(self) -> None:
        if self._whole:
            self._exchange.abort()
        await self._exchange.close()

    def abort(self) -> None:
        self._exchange.abort()


def leaving(transport: Transport) -> Transport:
    """The transport, whose exchanges end so."""

    async def open_exchange(request: Request, limits: Limits, connect_ms: float) -> Exchange:
        return _Leaving(await transport.open(request, limits, connect_ms))

    return replace(transport, open=open_exchange)


def engine_of(job: Job, keep: Callable[[str, History], None]) -> Engine:
    """The engine of this job. Raises whatever a job does that does not fit; `keep(why, history)` is evidence."""
    load = next(one for one in constants("streamspec.scenarios.load", Load) if one.name == job.load)
    _make_room(job.wanted.streams)
    bench = _bench(job, load)
    rules = tuple(rule for rule in all_rules() if rule.id in job.rules)
    script = load.script()
    (session,) = script.sessions
    header = header_of(bench, f"load/{load.name}@{job.binding}", f"load/{load.name}", script, job.rules)
    streams = Streams(
        job,
        load,
        header,
        recorder=lambda: recorder_of(bench),
        play=lambda recorder: play_one(session, stage_of(bench, recorder)),
        keep=keep,
        rules=rules,
    )
    drain_ms = max(bench.budgets[name] for name in ("finite_ms", "head_ms")) + DRAIN_MORE_MS
    return Engine(job.wanted, streams.one, drain_ms, streams.lagged)


def _make_room(streams: int) -> None:
    """Let this process have as many descriptors. Raises `UsageError` where the system does not: what fails for want of
    one would look like the target's failure."""
    with contextlib.suppress(ImportError):  # a system without such limits
        import resource

        needed = streams + SPARE_DESCRIPTORS
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < needed:
            if hard != resource.RLIM_INFINITY and hard < needed:
                raise UsageError(f"--streams {streams}: this system gives a process {hard} descriptors at most")
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _bench(job: Job, load: Load) -> Bench:
    driver = next(one for one in all_drivers() if one.name == job.binding)
    target = Capabilities(
        binding=job.binding,
        binding_reason="",
        declared_binding=job.declared_binding,
        profile=job.profile,
        look=job.look,
        roles={load.role: Role(load.role, job.request, job.attributes)},
        control=Control(200, "", items=False, head_ms=0.0),
        closes=job.closes,
        auth=job.auth,
    )
    return Bench(
        target,
        leaving(_transport(job)),
        lambda _: driver,
        job.budgets,
        replace(LIMITS, records_of_a_kind=RECORDS_OF_A_KIND),
        (),
        job.tool,
        job.started,
        None,
    )


def _transport(job: Job) -> Transport:
    if job.insecure or job.cacert:
        from streamspec.harness.transports import http1

        context = ssl.create_default_context(cafile=job.cacert or None)
        if job.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return http1.transport(context)
    scheme = job.request.url.partition(":")[0].lower()
    found = constants("streamspec.harness.transports", Transport)
    return next(transport for transport in found if scheme in transport.schemes)

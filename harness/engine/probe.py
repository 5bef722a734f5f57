"""The probe: ask a target what it is before anything is planned.

It looks twice at once, says which binding it found and why, whether the target serves one stream at a time, and
whether it serves again afterwards. Its history is stored and judged like any other, but promises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.case import Capabilities, Control
from streamspec.harness.core.errors import NoVerdict
from streamspec.harness.core.event import Did, Item, Opened, Refused, content_coding
from streamspec.harness.core.inert import printable
from streamspec.harness.core.redaction import redacted_url
from streamspec.harness.core.script import AGAIN, LOOK, Ask, Await, Read, Script, Session
from streamspec.harness.engine.runner import Bench, header_of, look_until_served, recorder_of, stage_of
from streamspec.harness.engine.session import play

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.ports import Driver

SCENARIO: Final = "probe"
_ITEM: Final = Read(items=1, budget="look_ms")
_FIRST, _SECOND = "look-1", "look-2"
TWO_AT_ONCE: Final = Script(
    (
        Session(_FIRST, LOOK, (Ask(), _ITEM, Await(_SECOND, 3))),
        Session(_SECOND, LOOK, (Await(_FIRST, 2), Ask(), _ITEM), beside=_FIRST),
    )
)


@dataclass(frozen=True, slots=True)
class Probed:
    """What the probe learnt; `back` says whether the target answered a look afterwards."""

    target: Capabilities
    driver: Driver
    history: History
    back: bool


async def probe(bench: Bench, drivers: Sequence[Driver]) -> Probed:
    """`bench.target` says what the user declared (an empty binding: find it). Raises `NoVerdict` when nothing that
    streams can be judged there."""
    recorder = recorder_of(bench)
    declared = next((driver for driver in drivers if driver.name == bench.target.binding), None)
    choose = partial(_choose, binding=bench.target.binding, drivers=drivers)
    bench = replace(bench, choose=choose, driver=declared or _by_scheme(bench.target.look.url, drivers))
    stage = stage_of(bench, recorder)
    await play(TWO_AT_ONCE, stage)
    seen = list(TWO_AT_ONCE.sessions)
    history = recorder.seal(header_of(bench, "", "", Script(tuple(seen)), ()))
    answer = _answer(history, redacted_url(bench.target.look.url))
    driver, reason = _recognise(answer, bench.target, drivers)
    control = _control(history, answer)
    serial = standing.opened(history, _SECOND) is None and _held_first(history)
    target = replace(
        bench.target,
        binding=driver.name,
        binding_reason=reason,
        control=control,
        serial=serial,
        closes=driver.closes,
        carrier=driver.carrier,
        http2=bench.target.look.version == "2",
    )
    patience_ms = control.patience_ms(bench.budgets["recover_ms"])
    bench = replace(bench, target=target, budgets={**bench.budgets, "recover_ms": patience_ms})
    stage = stage_of(bench, recorder)
    case = f"{SCENARIO}@{driver.name}{bench.mark}"
    back = await look_until_served(AGAIN, stage, bench, seen)
    history = recorder.seal(header_of(bench, case, SCENARIO, Script(tuple(seen)), ()))
    return Probed(target, driver, history, back)


def _choose(opened: Opened, binding: str, drivers: Sequence[Driver]) -> Driver | None:
    """The declared driver, else the first that recognises the answer."""
    if binding:
        return next(driver for driver in drivers if driver.name == binding)
    return next((driver for driver in drivers if driver.recognises(opened)), None)


_SCHEMES: Final = {"ws": "websocket", "wss": "websocket", "tcp": "framed", "grpc": "http2", "grpcs": "http2"}


def _by_scheme(url: str, drivers: Sequence[Driver]) -> Driver | None:
    """The only driver that stands on what this URL names: how we speak there must be known before anything answers."""
    carrier = _SCHEMES.get(url.partition(":")[0].lower())
    return next((driver for driver in drivers if carrier and driver.carrier == carrier), None)


def _answer(history: History, url: str) -> Opened:
    """The first look's answer. Raises `NoVerdict` in the words of what was seen instead."""
    record = history.first(Opened, _FIRST)
    if record and isinstance(record.event, Opened):
        if coding := content_coding(record.event):
            raise NoVerdict(f"{url} answered in Content-Encoding {printable(coding, 40)}, and we asked for identity")
        if record.event.accepted:
            return record.event
        where = record.event.header("location")
        moved = f", and points to {printable(where, 200)}: we follow no redirect" if where else ""
        raise NoVerdict(f"{url} answered {f'{record.event.status} {printable(record.event.reason)}'.rstrip()}{moved}")
    refused = history.first(Refused, _FIRST)
    if refused and isinstance(refused.event, Refused):
        raise NoVerdict(f"{url}: {_REFUSALS[refused.event.why]}{_detail(refused.event.detail)}")
    raise NoVerdict(f"{url} sent no answer within {history.header.budgets['head_ms'] / 1e3:g} s")


_REFUSALS: Final = {
    "unresolved": "the host name does not resolve",
    "refused": "connection refused",
    "unreachable": "no connection within its deadline",
    "tls": "the TLS handshake failed",
    "closed": "the connection was closed before any answer",
    "reset": "the connection was reset before any answer",
    "not-http": "the answer is not HTTP",
    "too-long": "the head of the answer exceeds our limits",
}


def _detail(detail: str) -> str:
    return f" ({printable(detail)})" if detail else ""


def _recognise(answer: Opened, target: Capabilities, drivers: Sequence[Driver]) -> tuple[Driver, str]:
    driver = _choose(answer, target.binding, drivers)
    if driver and target.binding:
        return driver, target.binding_reason or "declared"
    if driver:
        return driver, driver.recognises(answer) or ""
    sought = ", ".join(driver.accept for driver in drivers)
    names = " or ".join(f"--binding {driver.name}" for driver in drivers)
    kind = printable(answer.essence) or "no Content-Type"
    raise NoVerdict(
        f"{redacted_url(target.look.url)} answered {answer.status} with {kind}, which is no stream that we know "
        f"(we know {sought}); if it does stream, say {names}"
    )


def _control(history: History, answer: Opened) -> Control:
    """How long the head took, and whether an item came within a look."""
    asked, head = history.first(Did, _FIRST), history.first(Opened, _FIRST)
    return Control(
        answer.status, answer.essence, history.first(Item, _FIRST) is not None, round(_gap_ms(asked, head), 3)
    )


def _gap_ms(first: Record | None, second: Record | None) -> float:
    return (second.t_ns - first.t_ns) / 1e6 if first and second else 0.0


def _held_first(history: History) -> bool:
    """Whether the first look was still open, by the target's will, when the second went unanswered."""
    return not standing.whole(history, _FIRST) and not standing.cut(history, _FIRST)

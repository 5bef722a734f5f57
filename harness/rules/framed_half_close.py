"""TC: a FIN of ours, where it is declared to be a half-close: the handlers see the end of what we say, and answer.

Elsewhere a FIN is a leave, as many a server takes it (Node ends its own side by default). Never here: half-closes in a
word of the dialect (`directions_both`).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Closed, Completed, Did, Ended, Expired, Failed, Said
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.saying import said_item
from streamspec.harness.core.script import Ask, Say
from streamspec.harness.core.steps import Collect, Complete, Generate, Receive
from streamspec.harness.core.written import CLOSE, EOF, RESET, item
from streamspec.harness.rules._both_ways import (
    FINISH,
    MARKED,
    SAY,
    TERMINAL,
    Spoken,
    due,
    ended,
    failed,
    first_act,
    named,
    opening,
    rounds,
    said,
    spoken,
    sum_item,
    summed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.steps import Step

KINDS: Final = ("sum", "rest")  # handlers that answer with what came, and that send on when all has come
FINS: Final = "script-fin-"  # all is said, and a FIN says so
WORDED: Final = "script-word-"  # the control: the dialect's word says so
FIN: Final = "finish:fin"


def a_fin_is_a_half_close(h: History) -> Iterator[Finding]:
    """Beside a stream of the same kind that was answered when it was half-closed by a word."""
    what = "a FIN was not answered as the word for a half-close is"
    for kind in KINDS:
        found = named(h, f"{FINS}{kind}-")
        control = [_answered(h, session, "finish") for session in named(h, f"{WORDED}{kind}")]
        if not found or any(finding.stance == "held" for finding in control):
            yield from rounds(h, found, lambda h, session: _answered(h, session, FIN), what, timed=True)
        else:
            yield unknown("half-closed by the word for it, it did not answer either")


def _answered(h: History, session: str, act: str) -> Finding:
    finish, items, n = first_act(h, session, act), standing.items(h, session), said(h, session)[0]
    if finish is None or n != due(h, session) or (items and items[0].index < finish.index):
        return unknown(f"{n} of our {due(h, session)} items were said, or it answered before", finish)
    collects = any(isinstance(step, Collect) for step in h.steps(session))
    if items and collects and (counted := summed(h, session, finish, items[0])).stance != "held":
        return counted
    end = _over(h, session, finish)
    if end is None or (isinstance(end.event, Closed) and end.event.how == "reset"):
        return unknown("its connection was reset" if end else "we left before it was over", end)
    further = sum(step.n for step in h.steps(session) if isinstance(step, Generate))
    if isinstance(end.event, Completed) and len(items) >= collects + further:
        return held(finish, items[:1], end)
    wanted = f"an item that says that {n} came, and the end" if collects else f"{further} items, and the end"
    return broken(finish, items[-1:], end, expected=wanted, got=_got(items, end))


def _over(h: History, session: str, finish: Record) -> Record | None:
    """The end of the stream, or of its connection; without one the wait that ran out."""
    waits = (r for r in standing.expired(h, session) if r.index > finish.index)
    return next(iter(standing.terminals(h, session)), None) or ended(h, session, finish) or next(waits, None)


def _got(items: tuple[Record, ...], end: Record) -> str:
    match end.event:
        case Completed():
            what = "the end"
        case Failed(code=code):
            what = f"the error {code}"
        case Expired():
            what = "nothing more"
        case _:
            what = "the connection was closed"
    return f"{len(items)} items, and {what}"


# -- histories written by hand -----------------------------------------------------------------------------------------

_STEPS: Final[Mapping[str, tuple[Step, ...]]] = MappingProxyType(
    {"sum": (Collect(),), "rest": (Receive(), Generate(2), Complete())}
)
_DECLARED: Final = MARKED | {"declares.fin_half_closes": True}
_BYTES: Final = len(said_item(1)) + len(said_item(2))
_SUM: Final[tuple[Event, ...]] = (sum_item(2, _BYTES), *TERMINAL)
_REST: Final[tuple[Event, ...]] = (item(0), item(1), *TERMINAL)
_NEVER: Final[tuple[Event | float, ...]] = (5_000, Expired("item_ms", 5_000))
_CLOSED: Final[tuple[Event | float, ...]] = (Ended("close", 90), EOF)


def _fins(*answers: tuple[Event | float, ...], control: tuple[Event | float, ...] = _SUM, kind: str = "sum") -> History:
    def one(n: int, after: tuple[Event | float, ...]) -> Spoken:
        name, finish = (f"{FINS}{kind}-{n}", Did(FIN)) if n else (f"{WORDED}{kind}", FINISH)
        seen = (*opening("tcp"), SAY, Said(2, _BYTES), finish, *after, *CLOSE)
        return Spoken(name, seen, _STEPS[kind], "bidi", (Ask(), Say(2)), start_ms=9e3 * n)

    streams = (one(n, after) for n, after in enumerate((control, *answers)))
    return spoken(*streams, binding="tcp", declared=_DECLARED)


TC_08 = Rule(
    id="TC-08",
    level=Level.SHOULD,
    sentence="Where it is declared to be one, a FIN half-closes the streams of its connection, and they are answered.",
    source="RFC 9293 §3.6 (a half-closed connection goes on receiving); docs/contract.md `fin_half_closes`",
    why="A client that has said all it has to say, and hangs up as TCP lets it, never gets its answer.",
    needs=("direction:bidi", "half-close", "feature:collect", "feature:fin_half_closes"),
    on=("tcp",),
    check=a_fin_is_a_half_close,
    good=(
        _fins(_SUM, _SUM, _SUM),
        _fins(_REST, _REST, _REST, control=_REST, kind="rest"),
        # once it happens
        _fins(_CLOSED, _SUM, _SUM),
        _fins(_NEVER, _NEVER, _SUM),
        # it answers nobody; and a reset may take an answer with it
        _fins(_NEVER, _NEVER, _NEVER, control=_NEVER),
        _fins((RESET,), (RESET,), (RESET,)),
    ),
    bad=(
        _fins(_CLOSED, _CLOSED, _CLOSED),
        _fins(_NEVER, _NEVER, _NEVER),
        _fins(failed(), failed(), failed()),
        _fins(*((sum_item(2, _BYTES), EOF),) * 3),
        _fins(*((sum_item(1, _BYTES), *TERMINAL),) * 3),
        _fins(*((item(0), EOF),) * 3, control=_REST, kind="rest"),
    ),
)

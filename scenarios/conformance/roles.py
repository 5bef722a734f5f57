"""What the roles of an unmodified server are asked: one scenario a question."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import LOOK, Act, Ask, Await, Cancel, Read, Script, Session

_ITEM: Final = Read(items=1, budget="item_ms")
_ONE: Final = Read(items=1, budget="item_ms", needed=True)
_WATCH: Final = Read(items=0, budget="sibling_ms")
_SETTLE: Final = Read(items=0, budget="aftermath_ms")
_NEXT: Final = Read(items=1, budget="look_ms")
_SLOWEST: Final = Read(items=0, budget="finite_ms")  # some failures take their time: an upstream that does not answer
_TO_ITS_FAILURE: Final = Read(items=0, budget="failing_ms", quiet=True)
_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three

FINITE = Scenario(
    id="conformance/finite",
    sentence="read a finite stream to its end",
    script=Script((Session("finite-1", "finite", (Ask(), Read(items=0, budget="finite_ms"))),)),
    promises=(
        *("CJ-01", "CJ-09", "CJ-12", "LC-01", "LC-02", "LC-14", "ND-01", "ND-02", "ND-03", "ND-09"),
        *("OI-01", "OI-02", "OI-03", "OI-09", "OI-10", "OI-11", "SSE-03", "SSE-04", "SSE-13", "SSE-24"),
    ),
)

# The first comes by itself and is given time: some take it once, like a model that is loaded.
_FIRST_EMPTY: Final = Session("empty-1", "empty", (Ask(), Read(items=0, budget="patience_ms")))
_EMPTY: Final = Session("empty-2", "empty", (Ask(), Read(items=0, budget="item_ms")))

EMPTY = Scenario(
    id="conformance/empty",
    sentence="read a stream without an item to its end, once, and then twice at once",
    script=Script((_FIRST_EMPTY, _EMPTY, replace(_EMPTY, id="empty-3", beside="empty-2"))),
    promises=("CJ-01", "LC-08"),
    needs=("concurrent",),
)

EMPTY_IN_TURN = Scenario(
    id="conformance/empty-in-turn",
    sentence="read a stream without an item to its end, three times",
    script=Script((_FIRST_EMPTY, _EMPTY, replace(_EMPTY, id="empty-3"))),
    promises=("LC-08",),
    spare=True,
)

TEXT = Scenario(
    id="conformance/text",
    sentence="read texts with line ends, and what else a text may hold",
    script=Script((Session("text-1", "text", (Ask(), Read(items=0, budget="finite_ms"))),)),
    promises=("CJ-01", "OI-04", "SSE-05"),
)

FAILING = Scenario(
    id="conformance/failing",
    sentence="read a stream that fails after it began, three times",
    script=Script(
        (
            Session("failing-1", "failing", (Ask(), _SLOWEST)),
            Session("failing-2", "failing", (Ask(), _TO_ITS_FAILURE)),
            Session("failing-3", "failing", (Ask(), _TO_ITS_FAILURE)),
        )
    ),
    promises=("CJ-04", "ER-01", "ER-04", "ER-10", "LC-07"),
    order=1,
    exclusive=True,
)

PROMPT = Scenario(
    id="conformance/prompt",
    sentence="time two items that are produced apart, three times",
    script=Script(
        tuple(Session(f"prompt-{n}", "prompt", (Ask(), _ITEM, Read(items=1, budget="prompt_ms"))) for n in _ROUNDS)
    ),
    promises=("CJ-05", "ND-10", "SSE-08"),
    order=1,
)

ENDLESS = Scenario(
    id="conformance/endless",
    sentence="read thirty items, or two seconds, of an endless stream",
    script=Script((Session("endless-1", "endless", (Ask(), Read(items=30, budget="look_ms"))),)),
    promises=("OI-01", "OI-03"),
    order=1,
)

ENDLESS_HEAD = Scenario(
    id="conformance/endless-head",
    sentence="time the head of an endless stream and its first item, three times",
    script=Script(tuple(Session(f"endless-{n}", "endless", (Ask(), _ITEM)) for n in _ROUNDS)),
    promises=("SSE-07",),
    needs=("role:endless.first_item_ms",),
    order=1,
)

# An end that follows the neighbour's coming, or the stream's own beginning, by a fixed time cannot fall right after the
# neighbour's leaving every time, since it stays for a different time in each round.
_STAYS: Final = {1: 1, 2: 2, 3: 4}  # round: watches before the cancel


def _pair(n: int) -> tuple[Session, Session]:
    stays, leaves, watches = f"endless-stays-{n}", f"endless-leaves-{n}", _STAYS[n]
    before: tuple[Act, ...] = (Ask(), _ONE, Await(leaves, 3)) + (_WATCH,) * watches
    after: tuple[Act, ...] = (Await(leaves, 5), _WATCH, _SETTLE, _NEXT)
    leaving: tuple[Act, ...] = (Await(stays, 2), Ask(), _ONE, Await(stays, 3 + watches), Cancel("rst"))
    return Session(stays, "endless", before + after), Session(leaves, "endless", leaving, beside=stays)


SIBLINGS = Scenario(
    id="conformance/siblings",
    sentence="open two endless streams, watch one, leave the other abruptly, watch on, three times",
    script=Script(tuple(session for n in _ROUNDS for session in _pair(n))),
    promises=("CN-21",),
    needs=("concurrent",),
    by_hand="run the command above in two terminals, stop one of them (Ctrl-C): the other must go on",
    order=2,
)

ENDLESS_CANCEL = Scenario(
    id="conformance/endless-cancel",
    sentence="leave an endless stream abruptly after one item, then look again",
    script=Script(
        (
            Session("look-1", LOOK, (Ask(), Read(items=1, budget="look_ms"))),
            Session("endless-1", "endless", (Ask(), _ITEM, Cancel("rst"))),
        )
    ),
    promises=("LC-16",),
    by_hand="stop the command above (Ctrl-C) at its first event, then ask for the first URL again: it must be answered",
    order=7,
    exclusive=True,
)

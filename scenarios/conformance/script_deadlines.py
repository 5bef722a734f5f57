"""Scripted servers: streams that only their deadline can end, streams that end before it, and races with it.

Beside each kind stands one without a deadline, as its control. Never here: what the outcome means.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Account, Act, Ask, Await, Cancel, Read, Script, Session, Watch
from streamspec.harness.core.steps import Complete, Gate, Generate, Step, Wait

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_SHUT: Final = Gate("shut")  # nobody opens it
_DUE_MS: Final = 500
_AMPLE_MS: Final = 20_000
_STUCK_MS: Final = 1_500  # by then whatever lies between handler and reader is full
_RACE_MS: Final = 150
_NONE: Final[Mapping[str, int]] = MappingProxyType({})

_ITEM: Final = Read(items=1, budget="item_ms", needed=True)
_TO_ITS_END: Final = Read(items=0, budget="item_ms")
_A_WHILE: Final = Read(items=0, budget="look_ms")
_KINDS: Final[Mapping[str, tuple[Step, ...]]] = MappingProxyType(
    {"waits": (Generate(n=1), _SHUT), "sends": (Generate(every_ms=20),)}
)


def _deadline(ms: int) -> Mapping[str, int]:
    return MappingProxyType({"deadline_ms": ms})


def _together(*sessions: tuple[str, tuple[Act, ...], tuple[Step, ...], Mapping[str, int]]) -> Script:
    """Scripted streams that are open at once: each takes its time."""
    first = sessions[0][0]
    return Script(
        tuple(
            Session(name, SCRIPT, acts, beside="" if name == first else first, options=options, steps=steps)
            for name, acts, steps, options in sessions
        )
    )


def _due(*acts: Act) -> Script:
    return _together(
        *(
            (f"script-due-{kind}-{n}", acts, steps, _deadline(_DUE_MS))
            for kind, steps in _KINDS.items()
            for n in _ROUNDS
        ),
        *((f"script-free-{kind}", (Ask(), _A_WHILE), steps, _NONE) for kind, steps in _KINDS.items()),
    )


DUE: Final = Scenario(
    id="conformance/script-deadline",
    sentence=f"read streams that only their deadline of {_DUE_MS} ms can end, and two without one",
    script=_due(Ask(), _TO_ITS_END),
    promises=("DL-01", "DL-04"),
    needs=("concurrent",),
    by_hand=f"the command above must end after {_DUE_MS} ms, and not like a success",
    order=4,
    spare=True,
)

STOPPED: Final = Scenario(
    id="conformance/script-deadline-handler",
    sentence=f"read streams that only their deadline of {_DUE_MS} ms can end, and ask until their handlers are over",
    script=_due(Ask(), _ITEM, Account(), _TO_ITS_END, Watch("learn_ms", moved=("ended",)), Account()),
    promises=("DL-01", "DL-02", "DL-04"),
    needs=("concurrent", "told:ended"),
    by_hand=f"ask for the witness of that run after {_DUE_MS} ms: its handler must be over",
    order=4,
)

_WELL: Final[tuple[Step, ...]] = (Generate(n=3), Complete())

AMPLE: Final = Scenario(
    id="conformance/script-deadline-ample",
    sentence=f"read a stream that ends long before its deadline of {_AMPLE_MS} ms",
    script=_together(("script-ample", (Ask(), _TO_ITS_END), _WELL, _deadline(_AMPLE_MS))),
    promises=("DL-04",),
    order=4,
)

TIME_LEFT: Final = Scenario(
    id="conformance/script-deadline-left",
    sentence="ask what two handlers were told of the time until their deadlines",
    script=_together(
        *(
            (f"script-told-{ms}", (Ask(), _ITEM, Account()), _KINDS["waits"], _deadline(ms))
            for ms in (_AMPLE_MS // 2, _AMPLE_MS)
        )
    ),
    promises=("DL-03",),
    needs=("concurrent", "told:remaining_ms"),
    by_hand="ask for the witness of that run: remaining_ms must be close to its deadline",
    order=4,
)

_STALLS: Final[tuple[Act, ...]] = (Ask(narrow=True), _ITEM, Account())
_LET_GO: Final[tuple[Act, ...]] = (Watch("learn_ms", moved=("ended",), freed="sending"), Account(), Cancel("rst"))
# It stands still for as long as those with a deadline, and for some time more.
_STAYS: Final[tuple[Act, ...]] = (
    *(Await(f"script-stuck-{n}", len(_STALLS) + len(_LET_GO)) for n in _ROUNDS),
    Watch("steady_ms"),
    Account(),
    Cancel("rst"),
)
_MUCH: Final = (Generate(n=8_000, bytes=4_000),)  # more than anybody buffers, and still not without end

BLOCKED: Final = Scenario(
    id="conformance/script-deadline-blocked",
    sentence=f"do not read streams of 32 MB with a deadline of {_STUCK_MS} ms, nor one without",
    script=_together(
        *((f"script-stuck-{n}", (*_STALLS, *_LET_GO), _MUCH, _deadline(_STUCK_MS)) for n in _ROUNDS),
        ("script-stays-stuck", (*_STALLS, *_STAYS), _MUCH, _NONE),
    ),
    promises=("DL-05",),
    needs=("concurrent", "told:ended", "told:sending", "told:sent"),
    by_hand="run the command above through `| sleep 10`, and ask for the witness of that run after two seconds",
    order=6,
)


def _race(name: str, wait_ms: int, *, times: int = 0, options: Mapping[str, int] = _NONE) -> Session:
    steps = (Generate(n=1), Wait(wait_ms), Complete())
    acts = (Ask(), _TO_ITS_END, Account())
    return Session(name, SCRIPT, acts, options=options, times=times, together=10, steps=steps)


RACE: Final = Scenario(
    id="conformance/script-deadline-race",
    sentence=f"read streams that complete at about their deadline of {_RACE_MS} ms, many times",
    script=Script(
        (
            _race("script-alone", _RACE_MS, times=1),
            *(
                _race(f"script-race-{ms}", ms, options=_deadline(_RACE_MS))
                for ms in (_RACE_MS - 10, _RACE_MS, _RACE_MS + 10)
            ),
        )
    ),
    promises=("DL-06",),
    order=4,
)

PAST: Final = Scenario(
    id="conformance/script-deadline-past",
    sentence="ask for a stream whose time is up already, and for one with enough time",
    script=_together(
        ("script-called", (Ask(), _ITEM, Account()), _KINDS["waits"], _deadline(_AMPLE_MS)),
        ("script-past", (Ask(), _A_WHILE, Account()), _KINDS["waits"], _deadline(0)),
    ),
    promises=("DL-07",),
    needs=("concurrent", "told:called"),
    by_hand="ask for the witness of that run: its handler must not have been called",
    order=4,
)

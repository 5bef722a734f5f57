"""Connections that are cut on their way: what the target must do about them, and nothing else.

Our proxy cuts, at an octet that the seed draws; then the way is healed, and the target asked again, or counted.
Never here: what the outcome means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.fault import PROXY
from streamspec.harness.core.script import (
    LOOK,
    Account,
    Act,
    Ask,
    Await,
    Cancel,
    Heal,
    Poison,
    Read,
    Script,
    Session,
    Watch,
)
from streamspec.scenarios.batches import in_batches

if TYPE_CHECKING:
    from collections.abc import Callable

BY_HAND: Final = "cut by our proxy: streamspec fault, with --toxic {} and the same --seed, cuts there again"
_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_HEAL: Final = Heal()
_MEASURE: Final = Heal(measure=True)
_ACCOUNT: Final = Account()
_ITEM: Final = Read(items=1, budget="item_ms", needed=True)
_TO_THE_CUT: Final = Read(items=0, budget="item_ms")
_SOON_CUT: Final = Read(items=0, budget="look_ms")
_NOTICE: Final = ("ended", "cancelled", "open")
# Where, in hundredths of the measured answer: its head, its middle, right before its end.
_SHARES: Final = ((5, 25), (25, 45), (45, 60), (60, 75), (75, 92), (92, 99))
_NARROW: Final = Poison("bandwidth", {"rate": 1})
_TINY: Final = (1, 12)  # and of what comes from now on

# -- the same is asked again -------------------------------------------------------------------------------------------


def _looked(toxic: str, way: str, cuts: tuple[Poison, ...]) -> Scenario:
    measured = Session("look-1", LOOK, (_MEASURE, Ask(), Read(items=20, budget="look_ms", bytes=65_536)))
    cut = (
        Session(f"look-{n}", LOOK, (poison, Ask(budget="look_ms"), _SOON_CUT, _HEAL))
        for n, poison in enumerate(cuts, 2)
    )
    return Scenario(
        id=f"faults/{toxic}/look",
        sentence=f"look while {way}, then look again",
        script=Script((measured, *cut)),
        promises=("LC-16",),
        by_hand=BY_HAND.format(toxic),
        needs=(PROXY, f"{PROXY}:{toxic}"),
        order=8,
        exclusive=True,
    )


LOOK_LIMITED: Final = _looked(
    "limit_data", "the connection ends at some octet", tuple(Poison("limit_data", share=share) for share in _SHARES[:5])
)
LOOK_CUT: Final = _looked(
    "cut_at", "the connection is reset at some octet", tuple(Poison("cut_at", share=share) for share in _SHARES[:5])
)
LOOK_RESET: Final = _looked(
    "reset_peer",
    "the connection is reset before anything comes",
    (Poison("reset_peer"), Poison("reset_peer", {"timeout": 20}), Poison("reset_peer", stream="upstream")),
)
LOOK_LOST: Final = _looked(
    "timeout", "nothing comes, and then the connection ends", (Poison("timeout", {"timeout": 100}), Poison("timeout"))
)


def _open_looked(toxic: str, way: str, *poisons: Poison) -> Scenario:
    """The same where an endless stream is open already."""
    cut = (
        Session(
            f"endless-{n}",
            "endless",
            (_HEAL, Ask(), _ITEM, poison, Read(items=0, budget="lasting_ms"), _HEAL, _SOON_CUT),
        )
        for n, poison in enumerate(poisons, 1)
    )
    return Scenario(
        id=f"faults/{toxic}/endless",
        sentence=f"read an item of an endless stream, then {way}, then look again",
        script=Script((Session("look-1", LOOK, (Ask(), Read(items=1, budget="look_ms"))), *cut)),
        promises=("LC-16",),
        by_hand=BY_HAND.format(toxic),
        needs=(PROXY, f"{PROXY}:{toxic}"),
        order=7,
        exclusive=True,
    )


ENDLESS_LOST: Final = _open_looked("timeout", "nothing comes, and then the connection ends", Poison("timeout"))
ENDLESS_DOWN: Final = _open_looked("down", "the way goes down and up", Poison("down"))
ENDLESS_RESET: Final = _open_looked("reset_peer", "the next octets end the connection", Poison("reset_peer"))

# -- what was cut is resumed -------------------------------------------------------------------------------------------


def _resumed(toxic: str, way: str, cut: Callable[[int], tuple[Act, ...]], rounds: int) -> Scenario:
    sessions = [Session("resumable-whole", "resumable", (_MEASURE, Ask(), Read(items=0, budget="look_ms")))]
    for n in range(1, rounds + 1):
        sessions.append(Session(f"resumable-cut-{n}", "resumable", (*cut(n), _HEAL)))
        behind = (_HEAL, Ask(after=f"resumable-cut-{n}"), Read(items=4, budget="item_ms"))
        sessions.append(Session(f"resumable-on-{n}", "resumable", behind))
    return Scenario(
        id=f"faults/{toxic}/resume",
        sentence=f"read a resumable stream {way}, then resume behind the last id that came, {rounds} times",
        script=Script(tuple(sessions)),
        promises=("RC-02",),
        by_hand=BY_HAND.format(toxic),
        needs=(PROXY, f"{PROXY}:{toxic}"),
        order=2,
    )


RESUME_LIMITED: Final = _resumed(
    "limit_data",
    "whose connection ends at some octet",
    lambda n: (Poison("limit_data", share=_SHARES[n - 1]), Ask(), _TO_THE_CUT),
    len(_SHARES),
)
RESUME_CUT: Final = _resumed(
    "cut_at",
    "whose connection is reset at some octet",
    lambda n: (Poison("cut_at", share=_SHARES[n - 1]), Ask(), _TO_THE_CUT),
    len(_SHARES),
)
RESUME_DOWN: Final = _resumed(
    "down",
    "slowly, until the way goes down",  # or it would all be here by then
    lambda n: (_NARROW, Ask(), Read(items=n, budget="item_ms", needed=True), Poison("down", beside=True), _TO_THE_CUT),
    len(_ROUNDS),
)

# -- whoever produces is told ------------------------------------------------------------------------------------------

_PACE: Final = Read(items=30, budget="steady_ms")
_STILL: Final = Watch("learn_ms", still="produced")


def _left(toxic: str, way: str, poison: Poison) -> Scenario:
    control: tuple[Act, ...] = (_MEASURE, Ask(), _ITEM, _PACE, _ACCOUNT, Cancel("fin"), _STILL)
    first = Session("endless-fin-0", "endless", (_ACCOUNT, _ACCOUNT, *control))
    torn = Watch("learn_ms", still="produced", moved=_NOTICE)
    acts: tuple[Act, ...] = (_HEAL, _ACCOUNT, _ACCOUNT, Ask(), _ITEM, _ACCOUNT, poison, _TO_THE_CUT, _HEAL, torn)
    return Scenario(
        id=f"faults/{toxic}/leave",
        sentence=f"read an endless stream until {way}, three times, and see whether its production stops",
        script=Script((first, *(Session(f"endless-cut-{n}", "endless", acts) for n in _ROUNDS))),
        promises=("CN-11",),
        by_hand=BY_HAND.format(toxic),
        needs=(PROXY, f"{PROXY}:{toxic}", "told:produced"),
        order=3,
    )


LEAVE_LIMITED: Final = _left("limit_data", "its connection ends", Poison("limit_data", share=_TINY))
LEAVE_CUT: Final = _left("cut_at", "its connection is reset", Poison("cut_at", share=_TINY))
LEAVE_DOWN: Final = _left("down", "the way goes down", Poison("down"))

LEAVE_IDLE: Final = Scenario(
    id="faults/down/leave-idle",
    sentence="open a stream that has nothing to send until the way goes down, four times, and see whether it is told",
    script=Script(
        tuple(
            Session(
                f"idle-{n}",
                "idle",
                (
                    *(_HEAL, _ACCOUNT, Ask(), _ITEM, _ACCOUNT, Poison("down"), _SOON_CUT, _HEAL),
                    Watch("learn_ms" if n == _ROUNDS[-1] else "steady_ms", moved=_NOTICE),
                ),
            )
            for n in (0, *_ROUNDS)
        )
    ),
    promises=("CN-02",),
    by_hand=BY_HAND.format("down"),
    needs=(PROXY, f"{PROXY}:down", "told:open|told:cancelled|told:ended"),
    order=3,
)

_CLEANED: Final = Watch("learn_ms", moved=("cleanups",))


def _cleaned(toxic: str, poison: Poison) -> Scenario:
    acts: tuple[Act, ...] = (_HEAL, _ACCOUNT, Ask(), _ITEM, _ACCOUNT, poison, _TO_THE_CUT, _HEAL, _CLEANED)
    return Scenario(
        id=f"faults/{toxic}/leave-cleanups",
        sentence="cut three streams, read another one to its end, and count the cleanups of each",
        script=Script(
            (
                Session("endless-0", "endless", (_MEASURE, _ACCOUNT, Ask(), _ITEM, _ACCOUNT, Cancel("fin"), _CLEANED)),
                *(Session(f"endless-{n}", "endless", acts) for n in _ROUNDS),
                Session("finite-1", "finite", (_HEAL, _ACCOUNT, Ask(), Read(items=0, budget="finite_ms"), _CLEANED)),
            )
        ),
        promises=("CN-04",),
        by_hand=BY_HAND.format(toxic),
        needs=(PROXY, f"{PROXY}:{toxic}", "told:cleanups"),
        order=3,
    )


CLEANUPS_LIMITED: Final = _cleaned("limit_data", Poison("limit_data", share=(20, 90)))
CLEANUPS_CUT: Final = _cleaned("cut_at", Poison("cut_at", share=(20, 90)))

# -- nothing is left, and nobody else is hurt --------------------------------------------------------------------------


def _counted(toxic: str) -> Scenario:
    """Three items long is measured; then every connection is cut there, until the way is healed at the end."""
    first = (_MEASURE, Ask(), Read(items=3, budget="item_ms", needed=True), Poison(toxic, share=(100, 100)))
    sessions = (Session("endless-measured", "endless", first), *in_batches("endless", Ask(), _TO_THE_CUT))
    return Scenario(
        id=f"faults/{toxic}/leaks",
        sentence="cut an endless stream after some items, many times, and count what the process holds",
        script=Script(sessions),
        promises=("RL-04",),
        by_hand=BY_HAND.format(toxic),
        needs=(PROXY, f"{PROXY}:{toxic}", "process"),
        order=4,
    )


LEAKS_LIMITED: Final = _counted("limit_data")
LEAKS_CUT: Final = _counted("cut_at")

_WATCH: Final = Read(items=0, budget="sibling_ms")
_STAYS: Final = {1: 1, 2: 2, 3: 4}  # round: watches before the cut, as in `conformance/siblings`


def _pair(n: int) -> tuple[Session, Session]:
    """The one that stays goes past the proxy: what happens on the way of the other cannot reach it there."""
    stays, leaves, watches = f"endless-stays-{n}", f"endless-leaves-{n}", _STAYS[n]
    before: tuple[Act, ...] = (Ask(direct=True), _ITEM, Await(leaves, 3)) + (_WATCH,) * watches
    after = (Await(leaves, 6), _WATCH, Read(items=0, budget="aftermath_ms"), Read(items=1, budget="look_ms"))
    torn = (Poison("cut_at", share=_TINY), _TO_THE_CUT, _HEAL)
    leaving: tuple[Act, ...] = (Await(stays, 2), Ask(), _ITEM, Await(stays, 3 + watches), *torn)
    return Session(stays, "endless", before + after), Session(leaves, "endless", leaving, beside=stays)


SIBLINGS: Final = Scenario(
    id="faults/cut_at/siblings",
    sentence="open two endless streams, watch one, tear the connection of the other, watch on, three times",
    script=Script(tuple(session for n in _ROUNDS for session in _pair(n))),
    promises=("CN-21",),
    by_hand=BY_HAND.format("cut_at"),
    needs=(PROXY, f"{PROXY}:cut_at", "concurrent"),
    order=2,
)

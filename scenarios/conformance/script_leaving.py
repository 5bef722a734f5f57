"""Scripted servers: clients that leave, and what the handler's witness says of it.

Sessions are named after what happens to them; rules find them by these names. Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final, Literal

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Account, Act, Ask, Cancel, Open, Read, Script, Session, Watch
from streamspec.harness.core.steps import Complete, Fail, Gate, Generate, Step, Wait

How = Literal["fin", "rst"]

_ROUNDS: Final[tuple[tuple[int, How], ...]] = ((1, "fin"), (2, "rst"), (3, "fin"))  # late counts three times of three
_ITEM: Final = Read(items=1, budget="item_ms", needed=True)
_TO_ITS_END: Final = Read(items=0, budget="finite_ms")
_SENDING: Final = Generate(every_ms=5)
_LEARNT: Final = Watch("learn_ms", moved=("cancel_seen",))
_CLEANED: Final = (
    Watch("learn_ms", moved=("cleanups",)),
    Watch("aftermath_ms"),
)  # a second one may come a little later
_BY_HAND: Final = "stop the command above (Ctrl-C), and ask the witness of its run what its handler has learnt"


def _played(kind: str, n: int, steps: tuple[Step, ...], *acts: Act) -> Session:
    return Session(f"script-{kind}-{n}", SCRIPT, (Ask(), *acts), steps=steps)


LEAVE: Final = Scenario(
    id="conformance/script-leave",
    sentence="leave a handler that keeps sending, three times, and see whether it learns of it",
    script=Script(tuple(_played("sends", n, (_SENDING,), _ITEM, Account(), Cancel(h), _LEARNT) for n, h in _ROUNDS)),
    promises=("CN-01", "CN-22"),
    needs=("told:cancel_seen",),
    by_hand=_BY_HAND,
    order=4,
)


# A handler that waits may never be told: each is watched for a whole budget, and all of them at once.
LEAVE_RESTING: Final = Scenario(
    id="conformance/script-leave-resting",
    sentence="leave three handlers that wait for something to send, at once, and see whether they learn of it",
    script=Script(
        tuple(
            Session(
                f"script-rests-{n}",
                SCRIPT,
                (Ask(), _ITEM, Account(), Cancel(how), _LEARNT),
                beside=f"script-rests-{n - 1}" if n > 1 else "",
                steps=(Generate(n=1), Gate("shut")),
            )
            for n, how in _ROUNDS
        )
    ),
    promises=("CN-02",),
    needs=("concurrent", "told:cancel_seen"),
    by_hand=_BY_HAND,
    order=4,
)


def _blocked(n: int, how: How) -> Session:
    """Left when nothing more fits between its handler and us."""
    acts = (Ask(narrow=True), Watch("steady_ms"), Cancel(how), _LEARNT)
    return Session(f"script-waits-{n}", SCRIPT, acts, steps=(Generate(bytes=4_000),))


LEAVE_BLOCKED: Final = Scenario(
    id="conformance/script-leave-blocked",
    sentence="leave a handler whose send is blocked, three times, and see under which name it learns of it",
    script=Script(tuple(_blocked(n, how) for n, how in _ROUNDS)),
    promises=("CN-01",),
    needs=("told:cancel_seen", "told:cancel_code"),
    by_hand=_BY_HAND,
    order=5,
)

_LEFT: Final = (_ITEM, Account(), Cancel("fin"), *_CLEANED)
_SHUT: Final = Gate("shut")  # nobody opens it
_GO: Final = Gate("go")
# Nothing was over when the first account was taken, so that whatever is over later has moved.
_GOES_ON: Final = (_ITEM, Account(), Open("go"))


def _ended(kind: str, n: int, end: Step) -> Session:
    steps = (Generate(n=1), _GO, Generate(n=2), end)
    return _played(kind, n, steps, *_GOES_ON, _TO_ITS_END, *_CLEANED)


CLEANUPS: Final = Scenario(
    id="conformance/script-cleanups",
    sentence="leave handlers, let some complete and some fail, three times each, and count the cleanups of each",
    script=Script(
        (
            *(_played("left", n, (_SENDING,), *_LEFT) for n, _ in _ROUNDS),
            _played("idles", 1, (Generate(n=1), _SHUT), *_LEFT),
            *(_ended("completed", n, Complete()) for n, _ in _ROUNDS),
            *(_ended("failed", n, Fail("INTERNAL")) for n, _ in _ROUNDS),
        )
    ),
    promises=("CN-04",),
    needs=("told:cleanups",),
    by_hand=_BY_HAND,
    order=4,
)

EARLY: Final = Scenario(
    id="conformance/script-leave-early",
    sentence="leave a handler before its first item, three times, let it go on, and count its cleanups",
    script=Script(
        tuple(_played("early", n, (_GO, _SENDING), Account(), Cancel(how), Open("go"), *_CLEANED) for n, how in _ROUNDS)
    ),
    promises=("CN-05",),
    needs=("told:cleanups",),
    by_hand=_BY_HAND,
    order=4,
)

_OVER: Final = Watch("learn_ms", moved=("ended",))
_OFTEN: Final = 0  # as often as the effort says
_FEW: Final = 4
_TOGETHER: Final = 4
# From an end that is there before we leave to one that comes long afterwards, and in between the race itself.
_KINDS: Final[tuple[tuple[int, How, int], ...]] = (
    *((0, "fin", _FEW), (1, "fin", _OFTEN), (2, "rst", _OFTEN)),
    *((5, "fin", _FEW), (150, "rst", _FEW)),
)


def _race(n: int, wait_ms: int, how: How, times: int) -> Session:
    steps = (Generate(n=1), _GO, Wait(wait_ms), Complete())
    acts = (Ask(), *_GOES_ON, Cancel(how), _OVER)
    return Session(f"script-races-{n}", SCRIPT, acts, steps=steps, times=times, together=_TOGETHER)


RACES: Final = Scenario(
    id="conformance/script-races",
    sentence="leave handlers at about the time at which they complete, seventy times and more",
    script=Script(
        (
            _played("ends", 1, (Generate(n=1), _GO, Complete()), *_GOES_ON, _TO_ITS_END, _OVER),
            *(_race(n, *kind) for n, kind in enumerate(_KINDS, 1)),
        )
    ),
    promises=("CN-10",),
    needs=("told:terminals", "told:cancel_seen", "told:state"),
    by_hand=_BY_HAND,
    order=5,
)

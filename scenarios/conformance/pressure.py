"""Servers: a client that stands still while there is much to send, and what that does to memory, order and neighbours.

A stall is over as soon as the target tells that it stands still; one that goes on producing is watched for longer.
Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import LOOK, Account, Act, Ask, Await, Cancel, Read, Script, Session, Watch

_MIB: Final = 1_048_576
_SMALL_MIB: Final = 32  # of design 6: honest servers run up to 30 MiB ahead, whatever is offered
_LARGE_MIB: Final = 320
_WHOLE_MIB: Final = 8  # more than two kernels hold, and few enough items to be written down one by one
_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three

_ACCOUNT: Final = Account()
_BASELINE: Final[tuple[Act, ...]] = (_ACCOUNT,) * 3  # and whether the totals move without us
_NARROW: Final = Ask(narrow=True)
_FILL: Final = Watch("steady_ms")  # for as long as it takes until nothing more fits
_GO_ON: Final = Read(items=0, budget="large_ms", bytes=9 * _MIB)  # more than was under way already
_STALL_BY_HAND: Final = (
    "run the command above through `| (sleep 5; head -c 9000000 | wc -c)` and look meanwhile at what the server tells, "
    "or at its memory"
)


def _stalled(n: int, mib: int, still: str) -> Session:
    acts = (*_BASELINE, _NARROW, _ACCOUNT, Watch("stall_ms", still=still), _GO_ON, _ACCOUNT, Cancel("rst"))
    return Session(f"large-{n}", "large", acts, options={"backlog_mib": mib})


STALL: Final = Scenario(
    id="conformance/large-stall",
    sentence=f"ask for {_SMALL_MIB} MiB, then for {_LARGE_MIB}, and stand still before reading the first of them",
    script=Script((_stalled(1, _SMALL_MIB, "produced"), _stalled(2, _LARGE_MIB, "produced"))),
    promises=("BP-05", "LC-16"),
    needs=("role:large.item_bytes", "told:produced"),
    by_hand=_STALL_BY_HAND,
    order=6,
)

MEMORY: Final = Scenario(
    id="conformance/large-memory",
    sentence=f"the same, {_SMALL_MIB} MiB and {_LARGE_MIB}, in a process in which nothing else has happened",
    # Memory stands still, too, while a backlog fills what was given back: a process that rests fills nothing.
    script=Script((_stalled(1, _SMALL_MIB, "cpu_ms"), _stalled(2, _LARGE_MIB, "cpu_ms"))),
    promises=("BP-06",),
    needs=("role:large.item_bytes", "process:spawn"),
    by_hand=_STALL_BY_HAND,
    order=6,
    fresh=True,
)


def _beside(kind: str, n: int, mib: int, *acts: Act) -> tuple[Session, Session]:
    """A large stream, and a look beside it when it has done what comes before the wait for that look, or has begun."""
    large, look = f"large-{kind}-{n}", f"look-{kind}-{n}"
    ready = next((k for k, act in enumerate(acts) if isinstance(act, Await)), 1)
    looking: tuple[Act, ...] = (Await(large, ready), Ask(budget="look_ms"), Read(items=1, budget="look_ms"))
    options = {"backlog_mib": mib}
    return Session(large, "large", acts, options=options), Session(look, LOOK, looking, beside=large)


_TO_ITS_END: Final = Read(items=0, budget="large_ms")
# Read for half a second, and more than can be read in it.
_MOVES: Final = _beside("moves", 1, 2 * _SMALL_MIB, _NARROW, Read(items=0, budget="steady_ms"), Cancel("rst"))
_UNSTALLED: Final = Session("large-reads", "large", (_NARROW, _TO_ITS_END), options={"backlog_mib": _WHOLE_MIB})


def _round(n: int) -> tuple[Session, Session]:
    """Left after the look, but for the last one, which is read to its end when it has stood still for a second."""
    waiting: tuple[Act, ...] = (_NARROW, _FILL, Await(f"look-stalls-{n}", 3))
    after: tuple[Act, ...] = (Cancel("rst"),) if n < _ROUNDS[-1] else (_FILL, _TO_ITS_END)
    return _beside("stalls", n, _WHOLE_MIB, *waiting, *after)


BESIDE: Final = Scenario(
    id="conformance/large-beside",
    sentence=f"look beside a large stream that is being read, and three times beside {_WHOLE_MIB} MiB that are not;"
    " then read these to their end",
    script=Script((_UNSTALLED, *_MOVES, *(session for n in _ROUNDS for session in _round(n)))),
    promises=("BP-07", "BP-11"),
    needs=("concurrent", "role:large.item_bytes"),
    by_hand="run the command above through `| sleep 30`, and meanwhile ask for the first URL: it must be answered",
    order=5,
)


def _left(n: int) -> Session:
    how = Cancel("fin") if n == _ROUNDS[-1] else Cancel("rst")
    acts = (_ACCOUNT, _NARROW, _FILL, how, Watch("learn_ms", moved=("sending", "open")))
    return Session(f"large-{n}", "large", acts, options={"backlog_mib": _SMALL_MIB})


# Until it is over the server has forgotten the looks before.
_FIRST: Final = Session("large-0", "large", (_ACCOUNT, _NARROW, Cancel("rst"), Watch("aftermath_ms")))

LEAVE_BLOCKED: Final = Scenario(
    id="conformance/large-leave",
    sentence=f"leave {_SMALL_MIB} MiB that nobody has begun to read, three times",
    script=Script((_FIRST, *(_left(n) for n in _ROUNDS))),
    promises=("BP-09",),
    needs=("role:large.item_bytes", "told:sending|told:open"),
    by_hand="run the command above through `| sleep 5`, stop it (Ctrl-C), and look at what the server tells",
    order=5,
)

"""Servers: clients that leave, in order or abruptly, and what the server tells of those who produce for them.

The first round is the control of the others: it shows at what pace a total moves without a new stream, and until it is
over the server has forgotten the looks before. Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final, Literal

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import Account, Act, Ask, Cancel, Read, Script, Session, Watch

_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_ACCOUNT: Final = Account()
_ITEM: Final = Read(items=1, budget="item_ms", needed=True)
_PACE: Final = Read(items=30, budget="steady_ms")  # a burst at the beginning is no pace
_NOTICE: Final = ("ended", "cancelled", "open")
_LEARNT: Final = Watch("learn_ms", moved=_NOTICE)
_STOPPED: Final = Watch("learn_ms", still="produced")  # some say that they have learnt of it, and go on


def _left(how: Literal["fin", "rst"], n: int, *before: Act, watch: Watch) -> Session:
    acts = (_ACCOUNT, _ACCOUNT, Ask(), _ITEM, *before, _ACCOUNT, Cancel(how), watch)
    return Session(f"endless-{how}-{n}", "endless", acts)


LEAVE: Final = Scenario(
    id="conformance/leave",
    sentence="leave an endless stream in order, and abruptly, three times each, and see whether its production stops",
    script=Script(
        (
            _left("fin", 0, _PACE, watch=_STOPPED),
            *(_left("fin", n, watch=_STOPPED) for n in _ROUNDS),
            *(_left("rst", n, watch=Watch("learn_ms", still="produced", moved=_NOTICE)) for n in _ROUNDS),
        )
    ),
    promises=("CN-08", "CN-11"),
    needs=("told:produced",),
    by_hand="stop the command above (Ctrl-C), and look at what the server tells: it must stop counting",
    order=3,
)

_TOLD: Final[tuple[tuple[Literal["fin", "rst"], int], ...]] = (("fin", 0), ("fin", 1), *(("rst", n) for n in _ROUNDS))

# For targets that tell of their streams, and not of their items.
LEAVE_TOLD: Final = Scenario(
    id="conformance/leave-told",
    sentence="leave an endless stream abruptly, three times, and see whether its producer is told",
    script=Script(tuple(_left(how, n, watch=_LEARNT) for how, n in _TOLD)),
    promises=("CN-11",),
    needs=("told:open|told:ended|told:cancelled",),
    by_hand="stop the command above (Ctrl-C), and look at what the server tells of its streams",
    order=3,
    spare=True,
)


def _idle(n: int) -> Session:
    """The last one is watched for all of them: a minute more would show no more."""
    last = n == _ROUNDS[-1]
    watch = _LEARNT if last else Watch("steady_ms", moved=_NOTICE)
    return Session(f"idle-{n}", "idle", (_ACCOUNT, Ask(), _ITEM, _ACCOUNT, Cancel("rst" if last else "fin"), watch))


LEAVE_IDLE: Final = Scenario(
    id="conformance/leave-idle",
    sentence="leave a stream that has nothing to send, four times, and see whether its producer is told",
    script=Script(tuple(_idle(n) for n in (0, *_ROUNDS))),
    promises=("CN-02",),
    needs=("told:open|told:cancelled|told:ended",),
    by_hand="stop the command above (Ctrl-C), and look at what the server tells of its streams",
    order=3,
)

_CLEANED: Final = Watch("learn_ms", moved=("cleanups",))


def _cleaned(n: int) -> Session:
    """A second cleanup, that comes a little later, is there before the next one asks."""
    return Session(f"endless-{n}", "endless", (_ACCOUNT, Ask(), _ITEM, _ACCOUNT, Cancel("fin"), _CLEANED))


CLEANUPS: Final = Scenario(
    id="conformance/leave-cleanups",
    sentence="leave four streams, read another one to its end, and count the cleanups of each",
    script=Script(
        (
            *(_cleaned(n) for n in (0, *_ROUNDS)),
            Session("finite-1", "finite", (_ACCOUNT, Ask(), Read(items=0, budget="finite_ms"), _CLEANED)),
        )
    ),
    promises=("CN-04",),
    needs=("told:cleanups",),
    by_hand="stop the command above (Ctrl-C), and look at how many cleanups the server tells",
    order=3,
)

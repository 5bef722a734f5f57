"""Scripted servers: handlers that end their streams twice, not at all, or write on behind the end, and readers that
stand still when the end comes.

Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Account, Act, Ask, Open, Read, Script, Session, Watch
from streamspec.harness.core.steps import Abandon, Complete, Fail, Gate, Generate, Send, Step

_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_THREE: Final = Generate(3)
_FAIL: Final = Fail("NOT_FOUND", "as the script says")
_LATE: Final = Send(('{"late":1}',))
_SEEN: Final = Read(items=4, budget="aftermath_ms")  # the three, and what shows their end, if that comes soon
_TO_ITS_END: Final = Read(items=0, budget="look_ms")
_WHOLE: Final[tuple[Act, ...]] = (Ask(), _TO_ITS_END, Account())


def _at_once(name: str, *steps: Step) -> Session:
    return Session(f"script-{name}", SCRIPT, _WHOLE, steps=(_THREE, *steps))


def _late(name: str, first: Step, second: Step) -> Session:
    """What comes second is called when we have seen the end."""
    acts = (Ask(), _SEEN, Open("late"), _TO_ITS_END, Account())
    return Session(f"script-late-{name}", SCRIPT, acts, steps=(_THREE, first, Gate("late"), second))


AT_ONCE: Final = Scenario(
    id="conformance/script-ends-twice",
    sentence="let a handler end its stream twice at once, in each way, and send behind its end",
    script=Script(
        (
            _at_once("complete", Complete()),
            _at_once("fail", _FAIL),
            _at_once("fail-complete", _FAIL, Complete()),
            _at_once("complete-fail", Complete(), _FAIL),
            _at_once("complete-complete", Complete(), Complete()),
            _at_once("complete-send", Complete(), _LATE),
        )
    ),
    promises=("LC-03", "LC-04", "LC-05", "LC-09", "LC-10"),
    needs=("feature:explicit_end",),
    by_hand="run the commands of the replay one after another: each shows one end, and nothing behind it",
    order=4,
)

LATE: Final = Scenario(
    id="conformance/script-ends-late",
    sentence="let a handler end its stream once more, and send, when the client has seen the end",
    script=Script(
        (
            _at_once("complete", Complete()),
            _at_once("fail", _FAIL),
            _late("fail-complete", _FAIL, Complete()),
            _late("complete-fail", Complete(), _FAIL),
            _late("complete-complete", Complete(), Complete()),
            _late("complete-send", Complete(), _LATE),
        )
    ),
    promises=("LC-03", "LC-04", "LC-05", "LC-10"),
    needs=("feature:explicit_end",),
    by_hand="run the commands of the replay, and open the gate when the end is there: nothing more may come",
    order=4,
)

ABANDONED: Final = Scenario(
    id="conformance/script-abandoned",
    sentence="let a handler return without ending its stream, three times",
    script=Script(
        tuple(
            Session(
                f"script-{n}",
                SCRIPT,
                (Ask(), Read(items=0, budget="failing_ms", quiet=True)),
                steps=(_THREE, Abandon()),
            )
            for n in _ROUNDS
        )
    ),
    promises=("LC-06",),
    needs=("feature:explicit_end",),
    by_hand="run the command of the replay: an error comes, and neither the end nor nothing",
    order=4,
)

# More than two kernels hold, and few enough items to be written down one by one.
_BACKLOG: Final = Generate(n=256, bytes=32_768)
_STANDS_STILL: Final[tuple[Act, ...]] = (Ask(narrow=True), Watch("steady_ms"))
_READS_ON: Final = Read(items=0, budget="failing_ms", quiet=True)


def _backlog(name: str, end: Step, *before: Act) -> Session:
    return Session(f"script-{name}", SCRIPT, (*before, _READS_ON), steps=(_BACKLOG, end))


STALLED: Final = Scenario(
    id="conformance/script-ends-stalled",
    sentence="stand still before 8 MiB that complete, and before 8 MiB that fail, three times each; then read on",
    script=Script(
        (
            _backlog("complete", Complete(), Ask()),
            *(_backlog(f"complete-{n}", Complete(), *_STANDS_STILL) for n in _ROUNDS),
            _backlog("fail", _FAIL, Ask()),
            *(_backlog(f"fail-{n}", _FAIL, *_STANDS_STILL) for n in _ROUNDS),
        )
    ),
    promises=("LC-09", "LC-12"),
    by_hand="run the commands of the replay through `| (sleep 5; tail -c 200)`: the end is there, behind the last item",
    order=5,
)

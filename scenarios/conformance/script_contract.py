"""Scripted servers: each step and option by itself, a step that nobody knows, and what a witness tells meanwhile.

Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Account, Act, Ask, Cancel, Open, Read, Script, Session, Watch
from streamspec.harness.core.steps import Abandon, Complete, Fail, Gate, Generate, Send, Step, Wait

_LONG_MS: Final = 60_000  # of what is not to happen
_ITEM: Final = Read(items=1, budget="item_ms")
_SOME: Final = Read(items=5, budget="item_ms")
_TO_ITS_END: Final = Read(items=0, budget="look_ms")
_OVER: Final = Watch("learn_ms", moved=("ended",))
_BY_HAND: Final = "run the command above, and ask the witness of its run"


def _declared(name: str, *steps: Step, acts: tuple[Act, ...] = (Ask(), _TO_ITS_END), **options: int) -> Scenario:
    return Scenario(
        id=f"conformance/script-declared-{name}",
        sentence=f"play what the adapter declares: {name}",
        script=Script((Session(f"script-declared-{name}", SCRIPT, acts, steps=steps, options=options),)),
        promises=("SC-01",),
        by_hand="run the command above: it is not answered with 400 or 501",
        order=4,
    )


_LEAVES: Final[tuple[Act, ...]] = (Ask(), Cancel("fin"))
SEND: Final = _declared("send", Send(("1",)))
GENERATE: Final = _declared("generate", Generate(1, 100, 1))
WAIT: Final = _declared("wait", Wait(1))
GATE: Final = _declared("gate", Gate("a"), acts=(Ask(budget="look_ms"), Open("a"), _TO_ITS_END))
FAIL: Final = _declared("fail", Fail("INTERNAL", "as the script says"))
COMPLETE: Final = _declared("complete", Complete())
ABANDON: Final = _declared("abandon", Abandon(), acts=_LEAVES)
DEADLINE: Final = _declared("deadline", Wait(1), deadline_ms=_LONG_MS)
HEARTBEAT: Final = _declared("heartbeat", Wait(1), heartbeat_ms=_LONG_MS)
IDLE: Final = _declared("idle", Wait(1), idle_ms=_LONG_MS)
SEND_TIMEOUT: Final = _declared("send-timeout", Wait(1), send_timeout_ms=_LONG_MS)
EXPIRES: Final = _declared("expires", Wait(1), expires_ms=_LONG_MS)

STRANGE: Final = Scenario(
    id="conformance/script-strange",
    sentence="ask for a script with a step that no version of the contract has, and for one without",
    script=Script(
        (
            Session("script-known", SCRIPT, (Ask(), _TO_ITS_END), steps=(Generate(1), Complete())),
            Session(
                "script-strange",
                SCRIPT,
                (Ask(script='{"steps":[{"do":"generate","n":1},{"do":"streamspec-knows-no-such-step"}]}'), _TO_ITS_END),
            ),
        )
    ),
    promises=("SC-02",),
    by_hand="run the second command of the replay: it is answered with 501",
    order=4,
)

COUNTS: Final = Scenario(
    id="conformance/script-counts",
    sentence="read some items at a time, and ask the witness each time how many were sent",
    script=Script(
        (
            Session(
                "script-counts-1",
                SCRIPT,
                (Ask(), *(_SOME, Account()) * 4, Cancel("fin")),
                steps=(Generate(every_ms=5),),
            ),
        )
    ),
    promises=("SC-03",),
    needs=("told:produced",),
    by_hand=_BY_HAND,
    order=4,
)

TOTALS: Final = Scenario(
    id="conformance/script-totals",
    sentence="read a stream to its end, and ask the witness what was sent in all",
    script=Script(
        (
            Session(
                "script-totals-1",
                SCRIPT,
                (Ask(), Read(items=0, budget="finite_ms"), _OVER),
                steps=(Generate(20), Complete()),
            ),
        )
    ),
    promises=("SC-04",),
    needs=("told:sent", "told:ended"),
    by_hand=_BY_HAND,
    order=4,
)

_STAYS: Final = Wait(300)  # long enough for an account of a handler at work
_LOOKS_ON: Final[tuple[Act, ...]] = (_OVER, Watch("steady_ms"))


def _ending(how: str, steps: tuple[Step, ...], *acts: Act) -> Session:
    return Session(f"script-states-{how}", SCRIPT, (Ask(), _ITEM, Account(), *acts, *_LOOKS_ON), steps=steps)


STATES: Final = Scenario(
    id="conformance/script-states",
    sentence="let a stream complete, let one fail and leave one, and look at the state of each, again and again",
    script=Script(
        (
            _ending("completed", (Generate(1), _STAYS, Complete()), _TO_ITS_END),
            _ending("failed", (Generate(1), _STAYS, Fail("INTERNAL")), _TO_ITS_END),
            _ending("left", (Generate(every_ms=5),), Cancel("fin")),
        )
    ),
    promises=("LC-11",),
    needs=("told:state",),
    by_hand=_BY_HAND,
    order=5,  # it takes long and costs little
)

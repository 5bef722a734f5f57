"""Hearing: when the look stayed silent, every role is listened to once, all at once, for as long as patience lasts.

A target that sends nothing anywhere is known after one wait and not after one for each role. The first sign of life
from any stream ends it, and then the run is as any other. Never here: a verdict, or what is left out for silence.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.case import REFUSED
from streamspec.harness.core.event import Closed, Did, Expired, Opened, Refused
from streamspec.harness.core.judge import Outcome, judge
from streamspec.harness.core.script import LOOK, Ask, Read, Script, Session
from streamspec.harness.engine.clock import now_ns
from streamspec.harness.engine.runner import header_of, recorder_of, result_of, stage_of
from streamspec.harness.engine.session import play
from streamspec.harness.engine.silence import EMPTY, Silence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamspec.harness.core.history import Header, History
    from streamspec.harness.core.judge import Verdict
    from streamspec.harness.core.plan import Plan
    from streamspec.harness.core.run import Result
    from streamspec.harness.engine.recorder import Recorder
    from streamspec.harness.engine.runner import Bench, Progress

SCENARIO: Final = "hearing"
_PATIENCE: Final = "patience_ms"
# A head that comes later may be one that waited for its turn: nobody is to be taken for silent whom we kept waiting.
_ASK: Final = Ask(budget="look_ms")
_LISTEN: Final = Read(items=1, budget=_PATIENCE)


async def hear(bench: Bench, plan: Plan, probed: History, progress: Progress) -> Result | None:
    """What was heard of a target that sends nothing, judged like any history; then `bench.silence` knows of it. None
    when there is life in the target, or nobody to listen to, or when it serves one stream at a time."""
    roles = tuple(dict.fromkeys(role for case in plan.cases for role in case.scenario.script.roles()))
    sending = [role for role in roles if role not in {EMPTY, *REFUSED}]
    looks = probed.sessions(LOOK)
    if bench.target.serial or not sending or not all(_sent_nothing(probed, look) for look in looks):
        return None
    progress("listening to every role at once", 0, 0)
    recorder = recorder_of(bench)
    stage = replace(stage_of(bench, recorder), silence=Silence())
    script = _all_at_once(roles)
    case = f"{SCENARIO}@{bench.target.binding}{bench.mark}"
    header = header_of(bench, case, SCENARIO, script, ())
    playing = asyncio.ensure_future(play(script, stage))
    stirring = asyncio.ensure_future(_stir(recorder, header, sending, bench.budgets["every_ms"]))
    try:
        await asyncio.wait((playing, stirring), return_when=asyncio.FIRST_COMPLETED)
    finally:
        both = (playing, stirring)
        lively = stirring.done()
        for task in both:
            task.cancel()
        ended = await asyncio.gather(*both, return_exceptions=True)
    if ours := next((end for end in ended if isinstance(end, Exception)), None):
        raise ours
    if lively:
        return None
    history = recorder.seal(header)
    silent = _silent(history, roles)
    broken = _broken(judge(history, bench.rules, ()))
    # What breaks a rule here and not in the look alone is looked at in the ordinary way.
    if not set(sending) <= set(silent) or not broken <= _broken(judge(probed, bench.rules, ())):
        return None
    for role in silent:
        bench.silence.waited(role, bench.budgets[_PATIENCE], now_ns() / 1e6)
    bench.silence.hushed = True
    return result_of(history, (), bench.rules, bench.place)


def _all_at_once(roles: Sequence[str]) -> Script:
    first = f"{roles[0]}-1"
    return Script(tuple(Session(f"{r}-1", r, (_ASK, _LISTEN), first if r != roles[0] else "") for r in roles))


async def _stir(recorder: Recorder, header: Header, sending: Sequence[str], every_ms: float) -> None:
    """Over at the first sign of life, or as soon as one of those that are to send was not opened in time."""
    while True:
        so_far = recorder.seal(header)
        if not all(_may_be_silent(so_far, f"{role}-1") for role in sending):
            return
        await asyncio.sleep(every_ms / 1e3)


def _may_be_silent(h: History, session: str) -> bool:
    return not h.first((Opened, Expired, Refused, Closed), session) or _sent_nothing(h, session)


def _sent_nothing(h: History, session: str) -> bool:
    """Whether a stream was opened, and nothing at all followed its head: no item, heartbeat, end or deviation."""
    head = standing.opened(h, session)
    if head is None:
        return False
    later = (record.event for record in h.records_of(session) if record.index > head.index)
    return all(isinstance(event, Did | Expired) or event == Closed("ours") for event in later)


def _silent(h: History, roles: Sequence[str]) -> list[str]:
    """The roles that were opened and sent nothing for as long as our patience lasted."""
    return [r for r in roles if _sent_nothing(h, f"{r}-1") and standing.expired(h, f"{r}-1", _PATIENCE)]


def _broken(verdicts: Iterable[Verdict]) -> set[str]:
    return {verdict.rule for verdict in verdicts if verdict.outcome is not Outcome.PASS}

"""One run of the embedded reference: over every binding that it speaks, each on a server of its own, and judged by as
many processes as there are processors for.

Never here: what the reference declares (`embedded_target`), or how a server is judged (`serving`).
"""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from streamspec.harness import embedded_target
from streamspec.harness.core.errors import InternalError
from streamspec.harness.core.run import merged
from streamspec.harness.engine import collecting, store
from streamspec.harness.engine.clock import now_ns
from streamspec.harness.engine.free_port import free_port
from streamspec.harness.errands import errand_of, sent
from streamspec.harness.serving import directory_of, judge_server, stopped_by

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.core.run import Run
    from streamspec.harness.embedded_target import Part
    from streamspec.harness.engine.runner import Progress
    from streamspec.harness.serving import Keep

T = TypeVar("T")
_Server: TypeAlias = "tuple[Settings, tuple[Rule, ...], str]"  # what it is judged as, by which rules, and their mark


async def run_embedded(settings: Settings, chosen: tuple[Rule, ...], progress: Progress) -> Run:
    """Judge the reference as if it were somebody's `--spawn`; `settings.binding` alone, or all of its bindings,
    and those of its parts that alone can show a rule. Raises `InternalError` when it cannot be judged: it is ours."""
    started, began_ns = datetime.now(UTC), now_ns()
    keep = directory_of(settings.store, started)
    place = keep()
    wanted = (settings.binding,) if settings.binding else embedded_target.available()
    mine, *theirs = shared_out(wanted, processes(settings))
    here = judged_here(settings, mine, chosen, progress, started, keep)
    elsewhere = [sent(errand_of(settings, share, chosen, started, place), progress) for share in theirs]
    with collecting.seldom():
        runs = [run for found in await all_of([here, *elsewhere]) for run in found]
    run = merged(sorted(runs, key=lambda run: wanted.index(run.about.binding)))
    run = replace(run, duration_s=(now_ns() - began_ns) / 1e9)  # they were judged in turns
    if run.problem:
        raise InternalError(f"the embedded reference cannot be judged: {run.problem}")
    if place:
        store.save_run(place, run)
    return run


def processes(settings: Settings) -> int:
    """In how many processes the bindings are judged at most: they wait for each other's processor otherwise. What
    cannot cross is judged in this one."""
    if settings.transport or settings.replay:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1 if cores > 1 else 1


def shared_out(wanted: Sequence[str], most: int) -> list[tuple[str, ...]]:
    """The bindings of each process, the first of them ours. Those that are named last have most cases, and come first:
    what waits at their end has the others beside it."""
    return [tuple(wanted[n::most][::-1]) for n in range(min(most, len(wanted)))]


async def judged_here(
    settings: Settings,
    bindings: Sequence[str],
    chosen: tuple[Rule, ...],
    progress: Progress,
    started: datetime,
    keep: Keep,
) -> list[Run]:
    """These bindings, judged in this process one behind another, each with its parts at once: a run of each. Two of
    them at once would wait for this process, and what waits too long cannot tell; but when the last cases of one have
    begun, which mostly wait, the next begins."""
    turns: list[asyncio.Task[list[Run]]] = []
    before: tuple[_Begun, asyncio.Task[list[Run]]] | None = None
    for binding in bindings:
        begun = _Begun(binding, progress)
        servers = parts(replace(settings, binding=binding), chosen)
        judging = partial(_together, servers, begun, started, keep)
        turns.append(asyncio.ensure_future(_in_turn(before, judging)))
        before = begun, turns[-1]
    return [run for found in await all_of(turns) for run in found]


class _Begun:
    """Progress that is passed on; `all` is set when every case of this binding has begun, its parts' aside."""

    def __init__(self, binding: str, progress: Progress) -> None:
        self.all = asyncio.Event()
        self._progress = progress
        self._end = f"@{binding}"
        self._cases: set[str] = set()

    def __call__(self, what: str, done: int, total: int) -> None:
        self._progress(what, done, total)
        if what.endswith(self._end):
            self._cases.add(what)
            if len(self._cases) >= total:
                self.all.set()


async def _in_turn(
    before: tuple[_Begun, asyncio.Task[list[Run]]] | None, judging: Callable[[], Awaitable[list[Run]]]
) -> list[Run]:
    """What comes of it when that before has come so far; nothing, when it is stopped before."""
    try:
        if before:
            begun, task = before
            waiting = asyncio.ensure_future(begun.all.wait())
            await asyncio.wait((waiting, task), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
    except asyncio.CancelledError as cancelled:
        stopped_by(cancelled)
        return []
    return await judging()


async def _together(servers: Sequence[_Server], progress: Progress, started: datetime, keep: Keep) -> list[Run]:
    return await all_of([judge_server(said, rules, progress, started, keep, mark) for said, rules, mark in servers])


def parts(settings: Settings, chosen: tuple[Rule, ...]) -> list[_Server]:
    """What the reference is judged as: the settings of each server, its rules, and the mark at the end of its cases."""
    wanted = (settings.binding,) if settings.binding else embedded_target.available()
    found = [(declared(settings, binding), chosen, "") for binding in wanted]
    for part in embedded_target.PARTS:
        rules = tuple(rule for rule in chosen if rule.id in part.rules)
        if rules and part.binding in wanted:
            found.append((_part(settings, part), rules, f"+{part.name}"))
    return found


def declared(settings: Settings, binding: str) -> Settings:
    """The reference over one binding, as if it were somebody's `--spawn`."""
    url = f"http://127.0.0.1:{free_port()}/"
    script = url + embedded_target.SCRIPT
    served = replace(
        settings,
        look=replace(settings.look, url=script),
        binding=binding,
        profile=embedded_target.PROFILE,
        spawn=embedded_target.COMMAND,
        instances=settings.instances or embedded_target.INSTANCES,
        together=embedded_target.TOGETHER,
        grace_ms=embedded_target.GRACE_MS,
        script=script,
    )
    if binding in embedded_target.SCRIPTED:
        return served
    return replace(
        served,
        look=replace(settings.look, url=url + embedded_target.path(binding)),
        roles=embedded_target.roles(binding),
        tells=embedded_target.TELLS,
        claims=embedded_target.CLAIMS,
    )


def _part(settings: Settings, part: Part) -> Settings:
    """A guarded part has two clients."""
    token, other = (secrets.token_hex(8), secrets.token_hex(8)) if part.guarded else ("", "")
    url = f"http://127.0.0.1:{free_port()}/{part.path}"
    return replace(
        settings,
        look=replace(settings.look, url=url, headers=_bearer(token)),
        other=_bearer(other),
        binding=part.binding,
        roles=part.roles,
        profile=part.profile,
        spawn=embedded_target.COMMAND + (f" --token {token} --other-token {other}" if part.guarded else ""),
        instances=1,
        script=url if part.plays else "",
    )


def _bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {token}"),) if token else ()


async def all_of(judging: Sequence[Awaitable[T]]) -> list[T]:
    """All of it at once. Each that is cancelled returns what it has."""
    tasks = [asyncio.ensure_future(one) for one in judging]
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError as cancelled:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        stopped_by(cancelled)
    return [task.result() for task in tasks]

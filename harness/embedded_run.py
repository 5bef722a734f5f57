"""One run of the embedded reference: over every binding that it speaks, each on a process of its own.

Never here: what the reference declares (`embedded_target`), or how a server is judged (`serving`).
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from streamspec.harness import embedded_target
from streamspec.harness.core.errors import InternalError
from streamspec.harness.core.run import merged
from streamspec.harness.engine import collecting, store
from streamspec.harness.engine.spawn import free_port
from streamspec.harness.serving import directory_of, judge_server, stopped_by

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.core.run import Run
    from streamspec.harness.embedded_target import Part
    from streamspec.harness.engine.runner import Progress


async def run_embedded(settings: Settings, chosen: tuple[Rule, ...], progress: Progress) -> Run:
    """Judge the reference as if it were somebody's `--spawn`; `settings.binding` alone, or all of its bindings at once,
    and those of its parts that alone can show a rule. Raises `InternalError` when it cannot be judged: it is ours."""
    started = datetime.now(UTC)
    keep = directory_of(settings.store, started)
    servers = parts(settings, chosen)
    with collecting.seldom():
        runs = await _all_of(
            [judge_server(said, rules, progress, started, keep, mark) for said, rules, mark in servers]
        )
    run = merged(runs)
    if run.problem:
        raise InternalError(f"the embedded reference cannot be judged: {run.problem}")
    if place := keep():
        store.save_run(place, run)
    return run


def parts(settings: Settings, chosen: tuple[Rule, ...]) -> list[tuple[Settings, tuple[Rule, ...], str]]:
    """What the reference is judged as: the settings of each server, its rules, and the mark at the end of its cases."""
    wanted = (settings.binding,) if settings.binding else embedded_target.BINDINGS
    found = [(declared(settings, binding), chosen, "") for binding in wanted]
    for part in embedded_target.PARTS:
        rules = tuple(rule for rule in chosen if rule.id in part.rules)
        if rules and part.binding in wanted:
            found.append((_part(settings, part), rules, f"+{part.name}"))
    return found


def declared(settings: Settings, binding: str) -> Settings:
    """The reference over one binding, as if it were somebody's `--spawn`."""
    url = f"http://127.0.0.1:{free_port()}/"
    return replace(
        settings,
        look=replace(settings.look, url=url + embedded_target.path(binding)),
        binding=binding,
        roles=embedded_target.roles(binding),
        tells=embedded_target.TELLS,
        profile=embedded_target.PROFILE,
        spawn=embedded_target.COMMAND,
        instances=settings.instances or embedded_target.INSTANCES,
        grace_ms=embedded_target.GRACE_MS,
        claims=embedded_target.CLAIMS,
        script=url + embedded_target.SCRIPT,
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


async def _all_of(runs: Sequence[Coroutine[None, None, Run]]) -> list[Run]:
    """All of them at once. Each that is cancelled returns what it has."""
    tasks = [asyncio.ensure_future(run) for run in runs]
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError as cancelled:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        stopped_by(cancelled)
    return [task.result() for task in tasks]

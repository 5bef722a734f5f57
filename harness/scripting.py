"""A scripted target in one run: its adapter says what it can do, and the target becomes one whose roles are scripts.

Never here: what an adapter's words mean (`core.contract`), or which scripts play which role (`core.scripted`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness import config, profile_file
from streamspec.harness.core.contract import features_of
from streamspec.harness.core.errors import NoVerdict
from streamspec.harness.core.inert import printable
from streamspec.harness.core.ports import Request
from streamspec.harness.core.redaction import redacted_url
from streamspec.harness.core.scripted import Scripted
from streamspec.harness.engine.telling import json_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.case import Capabilities
    from streamspec.harness.core.contract import Features
    from streamspec.harness.core.ports import Driver
    from streamspec.harness.engine.runner import Bench

_WORDS: Final = {
    "answered 401": ": it wants credentials, say -H 'Authorization: Bearer …'",
    "answered 404": ": no adapter answers there (docs/contract.md)",
}


async def asked_for_features(settings: Settings, bench: Bench) -> Features:
    """What the adapter says that it can do. Raises `NoVerdict` that says what was answered instead."""
    request = Request(f"{settings.script}/features", "GET", config.for_figures(settings.look.headers))
    answer = await json_of(request, bench.transport, bench.limits, bench.budgets)
    where = redacted_url(request.url)
    if answer.problem:
        raise NoVerdict(f"{where} {answer.problem}{_WORDS.get(answer.problem, '')}")
    try:
        found = features_of(answer.value)
    except ValueError as error:
        raise NoVerdict(f"{where}: {printable(str(error), bench.limits.message_chars)}") from error
    if not settings.profile and found.profile not in profile_file.profile_names():
        known = ", ".join(profile_file.profile_names())
        name = printable(found.profile, 60)
        raise NoVerdict(
            f"{where}: features.profile: no profile {name} (there are {known}); --profile FILE.toml names yours"
        )
    return found


def before_the_probe(
    settings: Settings, target: Capabilities, features: Features, drivers: Sequence[Driver]
) -> Capabilities:
    """The target as its adapter describes it: its dialect, and what is looked at when the user names no stream. Raises
    `NoVerdict` for a binding that it does not play."""
    if not settings.profile:
        target = replace(target, profile=profile_file.profile(features.profile))
    if settings.look.url != settings.script:
        return target
    name = settings.binding or next(iter(features.streams))
    scripted = _scripted(settings, features, _driver(name, features, drivers), target)
    reason = target.binding_reason or "as its adapter says"
    auth = target.auth or str(features.declares.get("auth", ""))
    return replace(target, look=scripted.look, binding=name, binding_reason=reason, auth=auth)


def after_the_probe(
    settings: Settings, target: Capabilities, features: Features, drivers: Sequence[Driver]
) -> Capabilities:
    """The target with every role that can be derived, where the user has not said his own, and what the witness tells
    of scripted streams beside what the target tells of all. Raises `NoVerdict` when the look showed a binding that the
    adapter does not play."""
    scripted = _scripted(settings, features, _driver(target.binding, features, drivers), target)
    lossy = features.declares.get("lossy")
    profile = target.profile
    if isinstance(lossy, str) and lossy not in profile.keep:
        profile = replace(profile, keep=(*profile.keep, lossy))  # where BP-17 reads what was left out
    return replace(
        target,
        profile=profile,
        scripted=scripted,
        roles={**scripted.roles(), **target.roles},
        tells=(*target.tells, *scripted.tells()),
    )


def _driver(name: str, features: Features, drivers: Sequence[Driver]) -> Driver:
    if name not in features.streams:
        raise NoVerdict(f"its adapter plays no scripts over {name} (but over {', '.join(features.streams)})")
    return next(driver for driver in drivers if driver.name == name)


def _scripted(settings: Settings, features: Features, driver: Driver, target: Capabilities) -> Scripted:
    headers = settings.look.headers
    return Scripted(
        settings.script,
        features,
        driver.name,
        config.for_figures(headers),
        config.for_streams(headers, (driver.accept,)) if driver.carrier == "http" else headers,
        target.profile.envelope,
    )

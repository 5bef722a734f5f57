"""The scripted contract: what an adapter says that it can do, read strictly (docs/contract.md). Pure.

Never here: a request (`scripted` derives those), or whether what was said is true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.inert import printable
from streamspec.harness.core.script import DIRECTIONS
from streamspec.harness.core.steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = 1
BINDINGS: Final = ("sse", "ndjson", "json_array", "ws", "tcp", "grpc")  # the first of them that is offered is taken
ENVELOPED: Final = ("ws", "tcp")  # those whose streams share a connection in envelopes
BOTH_WAYS: Final = ("ws", "tcp", "grpc")  # those on which a client may speak as well
OPTIONS: Final = ("deadline_ms", "heartbeat_ms", "idle_ms", "send_timeout_ms", "expires_ms")
WITNESS: Final = (
    *("state", "called", "offered", "sent", "sending", "blocked_ms", "cancel_seen", "cancel_code"),
    *("sends_after_cancel", "send_code", "cleanups", "terminals", "refused", "remaining_ms", "buffered"),
    *("received", "receiving", "input"),
)
# Figures that no other target is asked for.
WITNESS_ONLY: Final = tuple(name for name in WITNESS if name not in {"offered", "sending", "cleanups"})
# What a server can promise: a word out of several, a number from 1, a name, or the truth.
DECLARES: Final[Mapping[str, type[int | str | bool] | tuple[str, ...]]] = MappingProxyType(
    {
        "resume": ("exactly-once", "at-least-once"),
        "explicit_end": bool,
        "codes": bool,
        "limit_bytes": int,
        "numbers": ("text",),
        "lossy": str,
        "auth": ("bearer",),
        "expiry": ("continue", "end"),
        "isolated": bool,
        "signals_unknown": bool,
        "credit": bool,
        "priority": bool,
        "starvation_bound": int,
        "fair": bool,
        "max_streams": int,
        "frame_timeout_ms": int,
        "fin_half_closes": bool,
        "echoes_metadata": bool,
    }
)
_KEYS: Final = ("contract", "streams", "profile", "steps", "options", "witness", "declares", "directions")
_PATH: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%-]+(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*")
# Where a carrier other than HTTP listens, on the same host: a port, and what its procedures begin with.
_PORT: Final = re.compile(r":[1-9][0-9]{0,4}(?:/[A-Za-z0-9._~-]+)*")
_WORD_CHARS: Final = 60
_MOST: Final = 2**53

# The closed lists, as needs. Words that belong to a promise are needs of their own: `feature:expiry=end`.
FEATURES: Final = (
    *(f"feature:{name}" for name in (*STEPS, *OPTIONS, *DECLARES)),
    *(f"feature:{name}={word}" for name, kind in DECLARES.items() if isinstance(kind, tuple) for word in kind),
    *(f"direction:{name}" for name in DIRECTIONS),
)


def _nothing() -> Mapping[str, str | int | bool]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Features:
    """What an adapter can do. `streams` are its paths by binding, below its base URL; names that this version does not
    know were left out. A promise that is `false` is none. `directions` are those of the bindings that go both ways."""

    streams: Mapping[str, str]
    profile: str = "plain"
    steps: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()
    witness: tuple[str, ...] = ()
    declares: Mapping[str, str | int | bool] = field(default_factory=_nothing)
    directions: tuple[str, ...] = ("server",)

    def needs(self) -> frozenset[str]:
        """Every need of a rule or a scenario that this meets."""
        met = {"script", *(f"feature:{name}" for name in (*self.steps, *self.options, *self.declares))}
        met.update(
            f"feature:{name}={value}" for name, value in self.declares.items() if isinstance(DECLARES[name], tuple)
        )
        if "auth" in self.declares:
            met.add("auth")
        return frozenset(met)

    def facts(self) -> dict[str, str | int | bool]:
        """What a history says of it: `script.NAME` for each step and option, `declares.NAME` for each promise."""
        known = (name for name in (*STEPS, *OPTIONS) if name in self.steps | self.options)
        return {**{f"script.{name}": True for name in known}, **{f"declares.{k}": v for k, v in self.declares.items()}}


def features_of(data: Any) -> Features:
    """The answer to `GET BASE/features`, as parsed JSON. Raises `ValueError` that names everything that misfits, each
    with its place: `features.steps[2]: …`. What lists and `declares` name beyond this version is left out."""
    if not isinstance(data, dict):
        raise ValueError("features: an object is needed")  # noqa: TRY004 -- of a target, no caller of ours
    if type(version := data.get("contract")) is int and version != VERSION:
        raise ValueError(f"features.contract: it speaks version {version} of the contract, and we speak {VERSION}")
    wrong = [f"features.{printable(key, _WORD_CHARS)}: unknown" for key in data if key not in _KEYS]
    if type(version) is not int:
        wrong.append(f"features.contract: {VERSION} is needed")
    profile = data.get("profile", "plain")
    if not isinstance(profile, str) or not profile:
        wrong.append("features.profile: the name of a profile is needed")
    found = Features(
        streams=_streams(data.get("streams"), wrong),
        profile=str(profile),
        steps=frozenset(_names(data, "steps", STEPS, wrong)),
        options=frozenset(_names(data, "options", OPTIONS, wrong)),
        witness=_names(data, "witness", WITNESS, wrong),
        declares=_declares(data.get("declares", {}), wrong),
        directions=_names(data, "directions", DIRECTIONS, wrong) or ("server",),
    )
    if wrong:
        raise ValueError("; ".join(wrong))
    return found


def _streams(data: Any, wrong: list[str]) -> Mapping[str, str]:
    if not isinstance(data, dict):
        wrong.append('features.streams: an object is needed, like {"sse": "sse"}')
        return MappingProxyType({})
    for name, path in data.items():
        where = f"features.streams.{printable(name, _WORD_CHARS)}"
        if name in {"tcp", "grpc"}:
            if not isinstance(path, str) or not _PORT.fullmatch(path) or {".", ".."} & set(path.split("/")):
                wrong.append(f"{where}: a port of the same host is needed, like :9000 or :9000/name")
        elif not isinstance(path, str) or not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
            wrong.append(f"{where}: a path below the base URL is needed")
    found = {name: data[name] for name in BINDINGS if name in data}
    if not found:
        wrong.append(f"features.streams: one of {', '.join(BINDINGS)} is needed")
    return MappingProxyType(found)


def _names(
    data: Mapping[str, Any], key: str, known: Mapping[str, Any] | tuple[str, ...], wrong: list[str]
) -> tuple[str, ...]:
    """The known ones of a list of names, without repeats, in our own order."""
    names = data.get(key, [])
    if not isinstance(names, list):
        wrong.append(f"features.{key}: a list of names is needed")
        return ()
    wrong += [f"features.{key}[{n}]: a name is needed" for n, name in enumerate(names) if not isinstance(name, str)]
    return tuple(name for name in known if name in names)


def _declares(data: Any, wrong: list[str]) -> Mapping[str, str | int | bool]:
    if not isinstance(data, dict):
        wrong.append("features.declares: an object is needed")
        return MappingProxyType({})
    told = {name: data[name] for name in DECLARES if name in data}
    wrong += [f"features.declares.{name}: {why}" for name, value in told.items() if (why := _misfit(name, value))]
    return MappingProxyType({name: value for name, value in told.items() if value is not False})


def _misfit(name: str, value: Any) -> str:
    """Why this is no value of that promise; empty when it is one."""
    kind = DECLARES[name]
    if isinstance(kind, tuple):
        return "" if value in kind else f"{' or '.join(kind)} is needed"
    if kind is bool:
        return "" if isinstance(value, bool) else "true or false is needed"
    if kind is int:
        return "" if type(value) is int and 1 <= value <= _MOST else "a whole number from 1 is needed"
    return "" if isinstance(value, str) and value else "the name of a field is needed"

"""`streamspec.toml`: what a person says of a target, in a file instead of on the command line. Words out, nothing more.

Every key has an option of the same meaning, and options win. Never here: what a word means (`config` reads the words of
file and command line alike), or any traffic.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.config import nearest
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.quoting import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

NAME: Final = "streamspec.toml"
_BYTES_MAX: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class TargetFile:
    """The file's words, each as its option would have been written. Empty is unsaid."""

    place: str = ""
    url: str = ""
    spawn: str = ""
    binding: str = ""
    profile: str = ""
    method: str = ""
    data: str = ""
    headers: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    grace_ms: int = 0
    script: str = ""
    auth: str = ""
    rules: tuple[str, ...] = ()
    effort: str = ""
    strict: bool = False
    seed: int = 0
    baseline: str = ""
    object: str = ""
    cases: tuple[str, ...] = ()
    http2: bool = False


_TARGET: Final = (
    *("url", "spawn", "binding", "profile", "method", "data", "headers", "roles", "tells"),
    *("claims", "grace_ms", "script", "auth", "object", "http2"),
)
_RUN: Final = ("rules", "effort", "strict", "seed", "baseline")
_PYTEST: Final = ("cases",)


def read(path: Path) -> TargetFile:
    """The file at this path. Raises `UsageError` that names the file, the key, and what would be right."""
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(data) > _BYTES_MAX:
        raise UsageError(f"{path}: larger than {_BYTES_MAX} octets")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from error
    return from_table(table, str(path))


def from_table(table: Mapping[str, Any], place: str) -> TargetFile:
    """The parsed file. Raises `UsageError`."""
    _known(table, ("target", "run", "pytest"), place, "")
    target, run, plugin = (_table(table, name, place, "") for name in ("target", "run", "pytest"))
    _known(target, _TARGET, place, "target.")
    _known(run, _RUN, place, "run.")
    _known(plugin, _PYTEST, place, "pytest.")
    return TargetFile(
        place=place,
        **{key: _text(target, key, place, "target.") for key in _TARGET[:6]},
        headers=tuple(_headers(target, place)),
        roles=tuple(_roles(target, place)),
        tells=tuple(_tells(target, place)),
        claims=tuple(_list(target, "claims", place, "target.")),
        grace_ms=_scalar(target, "grace_ms", int, place, "target.") or 0,
        script=_script(target, place),
        auth=_text(target, "auth", place, "target."),
        rules=tuple(_list(run, "rules", place)),
        effort=_text(run, "effort", place, "run."),
        strict=_scalar(run, "strict", bool, place) or False,
        seed=_scalar(run, "seed", int, place) or 0,
        baseline=_text(run, "baseline", place, "run."),
        object=_text(target, "object", place, "target."),
        http2=_scalar(target, "http2", bool, place, "target.") or False,
        cases=tuple(_list(plugin, "cases", place, "pytest.")),
    )


def merged(ours: tuple[str, ...], theirs: tuple[str, ...], mark: str = "=") -> tuple[str, ...]:
    """The file's words with those of the command line: a key that is said there is not taken from here."""
    said = {_key(word, mark) for word in theirs}
    return (*(word for word in ours if _key(word, mark) not in said), *theirs)


def _key(word: str, mark: str) -> str:
    key = word.partition(mark)[0].strip()
    return key.lower() if mark == ":" else key


def _known(table: Mapping[str, Any], names: tuple[str, ...], place: str, inside: str) -> None:
    for key in table:
        if key not in names:
            known = ", ".join(names)
            raise UsageError(f"{place}: unknown key {inside}{shown(key)} (there are {known}){nearest(key, names)}")


def _table(table: Mapping[str, Any], key: str, place: str, inside: str) -> Mapping[str, Any]:
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise UsageError(f"{place}: {inside}{key} is a table, written [{inside}{key}]")
    return found


def _text(table: Mapping[str, Any], key: str, place: str, inside: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f'{place}: {inside}{key} = "…" is a text')
    return value


def _scalar(table: Mapping[str, Any], key: str, kind: type[Any], place: str, inside: str = "run.") -> Any:
    value = table.get(key)
    if value is not None and type(value) is not kind:
        raise UsageError(f"{place}: {inside}{key} is {'true or false' if kind is bool else 'a whole number'}")
    return value


def _list(table: Mapping[str, Any], key: str, place: str, inside: str = "run.") -> list[str]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise UsageError(f'{place}: {inside}{key} = ["…"] is a list of texts')
    return found


def _headers(target: Mapping[str, Any], place: str) -> Iterator[str]:
    for name, value in _table(target, "headers", place, "target.").items():
        if not isinstance(value, str):
            raise UsageError(f'{place}: target.headers.{shown(name)} = "…" is a text')
        yield f"{name}: {value}"


def _script(target: Mapping[str, Any], place: str) -> str:
    """`[target.script] url = "/streamspec"`."""
    table = _table(target, "script", place, "target.")
    _known(table, ("url",), place, "target.script.")
    return _text(table, "url", place, "target.script.")


def _roles(target: Mapping[str, Any], place: str) -> Iterator[str]:
    """`finite = "/path"`, or `finite = { path = "/path", items = 100 }`."""
    yield from _entries(target, "roles", "path", place, lambda name, path, _: f"{name}={path}")


def _tells(target: Mapping[str, Any], place: str) -> Iterator[str]:
    """`produced = { url = "/stats", field = "$.produced", per = "run" }`."""
    yield from _entries(target, "tells", "url", place, lambda name, url, said: f"{name}={url}#{said.pop('field', '')}")


def _entries(
    target: Mapping[str, Any],
    key: str,
    where: str,
    place: str,
    word: Callable[[str, str, dict[str, Any]], str],
) -> Iterator[str]:
    for name, value in _table(target, key, place, "target.").items():
        said = {where: value} if isinstance(value, str) else dict(value) if isinstance(value, dict) else {}
        path = said.pop(where, None)
        if not isinstance(path, str) or not path:
            raise UsageError(f'{place}: target.{key}.{shown(name)} needs {where} = "/…"')
        yield word(name, path, said)
        for attribute, entry in said.items():
            yield f"{name}.{attribute}={_spelt(entry, f'{place}: target.{key}.{shown(name)}.{shown(attribute)}')}"


def _spelt(value: Any, where: str) -> str:
    """A value as the command line would have it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    raise UsageError(f"{where}: a text, a whole number, yes or no, or a list of texts is needed")

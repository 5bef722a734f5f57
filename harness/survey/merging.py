"""From what each file shows to one entry a method: whom to believe about its kind, and which Go code belongs to it.

Pure. Never here: a text, or a file.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.survey.found import ORIGINS, Listed, Method, Note
from streamspec.harness.survey.go_source import inferred

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from streamspec.harness.survey.found import Kind, Use

    _Index = Mapping[str, Mapping[Kind, Sequence[int]]]  # by a name in Go, and by kind, the places among the listed

_WORD: Final = re.compile(r"_([a-z])")
_ENOUGH: Final = 2  # methods of one name and kind: whoever uses that name means none of them for sure
_LOWER: Final = re.compile(r"(?:^|(?<=[0-9_]))[a-z]")


def merged(methods: Iterable[Method], uses: Sequence[Use]) -> tuple[tuple[Listed, ...], tuple[Use, ...]]:
    """Every method once, and the uses that belong to none of them."""
    listed = [_one(same) for same in _grouped(methods).values()]
    by_name, by_word = _by_go_name(listed), _by_go_word(listed)
    owners = {id(use): _owner(use, by_name, by_word) for use in uses}
    mine: dict[int, list[Use]] = {}
    others: dict[str, list[Use]] = {}
    loose: list[Use] = []
    for use in uses:
        owner = owners[id(use)]
        if owner is not None:
            mine.setdefault(owner, []).append(use)
        elif use.go_name or (use.handles and use.method):
            others.setdefault(use.go_name or f"_{use.method}", []).append(use)
        else:
            loose.append(use)
    known = [replace(one, uses=tuple(mine.get(n, ()))) for n, one in enumerate(listed)]
    made = [_made(name, found) for name, found in others.items() if _is_stream(found)]
    loose += [use for found in others.values() if not _is_stream(found) for use in found]
    return tuple(sorted((*known, *made), key=_order)), tuple(sorted(loose, key=lambda use: use.place))


def _order(one: Listed) -> tuple[str, str, str]:
    return one.service, one.name, one.kind


def _grouped(methods: Iterable[Method]) -> Mapping[tuple[str, str, str], list[Method]]:
    """By name and kind: where two files differ about a kind, both are listed."""
    found: dict[tuple[str, str, str], list[Method]] = {}
    for method in methods:
        found.setdefault((method.service, method.name, method.kind), []).append(method)
    return found


def _one(same: list[Method]) -> Listed:
    found = tuple(sorted(same, key=lambda method: (ORIGINS.index(method.origin), method.place)))
    first = found[0]
    return Listed(first.service, first.name, first.kind, found, request=first.request, response=first.response)


def go_word(name: str) -> str:
    """A name of proto as Go exports it: `list_items` as `ListItems`, `_x` as `XX`, `Foo_Bar` as it is."""
    if name.startswith("_"):
        name = f"X{name[1:2].upper()}{name[2:]}"
    return _LOWER.sub(lambda match: match[0].upper(), _WORD.sub(lambda match: match[1].upper(), name))


def _by_go_name(listed: Sequence[Listed]) -> _Index:
    found: dict[str, dict[Kind, list[int]]] = {}
    for n, one in enumerate(listed):
        told = {method.go_name for method in one.methods if method.go_name}
        for name in told or {f"{go_word(one.service.rpartition('.')[2])}_{go_word(one.name)}"}:
            _put(found, name, one, n)
    return found


def _by_go_word(listed: Sequence[Listed]) -> _Index:
    """By the name of the method alone."""
    found: dict[str, dict[Kind, list[int]]] = {}
    for n, one in enumerate(listed):
        _put(found, go_word(one.name), one, n)
    return found


def _put(found: dict[str, dict[Kind, list[int]]], name: str, one: Listed, n: int) -> None:
    same = found.setdefault(name, {}).setdefault(one.kind, [])
    if one.streams and len(same) < _ENOUGH:
        same.append(n)


def _owner(use: Use, by_name: _Index, by_word: _Index) -> int | None:
    """The one method that this use can mean; None where there is none, or more than one."""
    index, name = (by_name, use.go_name) if use.go_name else (by_word, use.method)
    kinds = index.get(name, {}) if name else {}
    found = [n for kind, same in kinds.items() if use.kind in {"unknown", kind} for n in same]
    return found[0] if len(found) == 1 else None


def _is_stream(uses: Sequence[Use]) -> bool:
    """Whether these show that there is a method at all: one has its handler, or its calls."""
    return any(use.handles or use.side == "server" for use in uses) or inferred(uses) != "unknown"


def _made(name: str, uses: list[Use]) -> Listed:
    """A method of which only Go code is there. Its service is the short name in the types."""
    service, _, method = name.rpartition("_")
    handler = next((use for use in uses if use.handles), uses[0])
    told = next((use for use in uses if use.request or use.response), handler)
    kind = inferred(uses)
    found = Method(service, method, kind, told.request, told.response, "go", handler.place)
    return Listed(service, method, kind, (found,), tuple(uses), told.request, told.response)


def disagreements(listed: Sequence[Listed]) -> Iterator[Note]:
    """Methods that two files declare with different kinds."""
    kinds: dict[tuple[str, str], Listed] = {}
    for one in listed:
        other = kinds.setdefault((one.service, one.name), one)
        if other is not one:
            where = f"{other.kind} in {other.methods[0].place.file}, {one.kind} here"
            yield Note(one.methods[0].place, f"{one.full_name} is declared twice: {where}")

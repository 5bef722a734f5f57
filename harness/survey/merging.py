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

    from streamspec.harness.survey.found import Use

_WORD: Final = re.compile(r"_([a-z])")
_LOWER: Final = re.compile(r"(?:^|(?<=[0-9_]))[a-z]")


def merged(methods: Iterable[Method], uses: Sequence[Use]) -> tuple[tuple[Listed, ...], tuple[Use, ...]]:
    """Every method once, and the uses that belong to none of them."""
    listed = [_one(same) for same in _grouped(methods).values()]
    by_name = _by_go_name(listed)
    owners = {id(use): _owner(use, listed, by_name) for use in uses}
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


def _by_go_name(listed: Sequence[Listed]) -> Mapping[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for n, one in enumerate(listed):
        told = {method.go_name for method in one.methods if method.go_name}
        names = told or {f"{go_word(one.service.rpartition('.')[2])}_{go_word(one.name)}"}
        for name in names:
            found[name] = (*found.get(name, ()), n)
    return found


def _owner(use: Use, listed: Sequence[Listed], by_name: Mapping[str, tuple[int, ...]]) -> int | None:
    """The one method that this use can mean; None where there is none, or more than one."""
    if use.go_name:
        found = by_name.get(use.go_name, ())
    else:
        found = tuple(n for n, one in enumerate(listed) if use.method and go_word(one.name) == use.method)
    found = tuple(n for n in found if listed[n].streams and use.kind in {"unknown", listed[n].kind})
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

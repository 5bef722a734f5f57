"""Data from JSON into frozen dataclasses, strictly: what does not fit its declared type is refused with its place.

Standard library only, since the core reads its own histories. Knows scalars, `Literal`, unions, tuples, mappings and
dataclasses, which is all that our files hold.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar

T = TypeVar("T")


def build(kind: type[T], data: Any, place: str = "", **given: Any) -> T:
    """`data` (parsed JSON) as `kind`; fields in `given` are built already. Raises `TypeError` naming what misfits."""
    if not isinstance(data, dict):
        raise TypeError(f"{place or kind.__name__}: an object is needed")
    hints: dict[str, Any] = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]  # callers hand in dataclasses
    for name in data:
        if name not in known or name in given:
            raise TypeError(f"{_at(place, name)}: unknown field")
    for name, field in known.items():
        if name not in data and name not in given and field.default is MISSING and field.default_factory is MISSING:
            raise TypeError(f"{_at(place, name)}: missing")
    fitted = {name: _fit(value, hints[name], _at(place, name)) for name, value in data.items()}
    return kind(**fitted, **given)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _fit(value: Any, hint: Any, place: str) -> Any:
    """The value as its hint wants it (lists become tuples). Raises `TypeError`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value, place)
    if origin in {typing.Union, types.UnionType}:
        return _first_fit(value, arguments, place)
    if origin is Literal:
        fits = isinstance(value, str) and value in arguments
    elif origin is tuple and isinstance(value, list):
        return _tuple(value, arguments, place)
    elif origin is Mapping and isinstance(value, dict):
        return {key: _fit(entry, arguments[1], _at(place, key)) for key, entry in value.items()}
    elif hint in {int, float}:
        fits = isinstance(value, int if hint is int else int | float) and not isinstance(value, bool)
    else:
        fits = hint in {str, bool, types.NoneType} and isinstance(value, hint)
    if not fits:
        raise TypeError(f"{place}: {type(value).__name__} where {getattr(hint, '__name__', hint)} is needed")
    return value


def _first_fit(value: Any, hints: tuple[Any, ...], place: str) -> Any:
    for hint in hints:
        try:
            return _fit(value, hint, place)
        except TypeError:
            continue
    raise TypeError(f"{place}: {type(value).__name__} is none of the types that fit")


def _tuple(values: list[Any], hints: tuple[Any, ...], place: str) -> tuple[Any, ...]:
    if len(hints) == 2 and hints[1] is Ellipsis:
        hints = (hints[0],) * len(values)
    if len(hints) != len(values):
        raise TypeError(f"{place}: {len(values)} entries where {len(hints)} are needed")
    return tuple(_fit(value, hint, f"{place}[{n}]") for n, (value, hint) in enumerate(zip(values, hints, strict=True)))

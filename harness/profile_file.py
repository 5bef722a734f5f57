"""A profile's TOML as a `Profile`: every mistake in it is named as FILE:LINE, with what would be right.

The built-in ones lie in `harness/profiles/`; anybody's may lie anywhere. Never here: what a profile means
(`core.profile`), or any I/O but reading the file that was named.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from streamspec.harness.config import nearest
from streamspec.harness.core.envelope import SAYS, Envelope, places_of
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.frame import ORDERS, WIDTHS, Frame
from streamspec.harness.core.profile import FEATURES, HAS, KINDS, Clause, Profile
from streamspec.harness.core.quoting import quoted, shown
from streamspec.harness.core.toml_lines import line_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER: Final = "streamspec.harness.profiles"
_BYTES_MAX: Final = 1_048_576
_KEYS: Final = ("name", "sentence", "items", "map", "keep", "features", "envelope", "frame", "roles")
_FIELDS: Final = ("id", "type", "payload")  # of an envelope, each the name of a member
_LISTS: Final = ("suffixes", "notices")
_FRAME: Final = MappingProxyType({"width": WIDTHS, "order": ORDERS})
_ROW_KEYS: Final = ("when", "is")
_ITEMS: Final = ("any", "json", "octets")
_PLACE: Final = re.compile(
    r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)


def profile_names() -> tuple[str, ...]:
    """The built-in ones."""
    return tuple(sorted(f.name.removesuffix(".toml") for f in files(_FOLDER).iterdir() if f.name.endswith(".toml")))


def profile(name: str) -> Profile:
    """A built-in profile by name, or a TOML file by path. Raises `UsageError` with file and line."""
    where = f"--profile {shown(name)}"
    if name.endswith(".toml"):
        try:
            with Path(name).open("rb") as file:
                data = file.read(_BYTES_MAX + 1)
        except OSError as error:
            raise UsageError(f"{where}: {error.strerror}") from error
        if len(data) > _BYTES_MAX:
            raise UsageError(f"{where}: larger than {_BYTES_MAX} octets")
        return profile_from_toml(data, shown(name))
    if name not in profile_names():
        known = profile_names()
        raise UsageError(f"{where}: no such profile (there are {', '.join(known)}){nearest(name, known)}")
    return profile_from_toml((files(_FOLDER) / f"{name}.toml").read_bytes(), f"{name}.toml")


def profile_from_toml(data: bytes, place: str) -> Profile:
    """Raises `UsageError` naming `place`, the line, and what is wrong there."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{place}:{line}: not UTF-8 ({error.reason})") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(_syntax(text, place, str(error))) from error
    except RecursionError as error:
        raise UsageError(f"{place}:1: nested too deep") from error
    return _File(text.replace("\r\n", "\n"), place).profile(table)


def _syntax(text: str, place: str, said: str) -> str:
    """What `tomllib` says, with the line ahead."""
    match = _PLACE.fullmatch(said)
    if not match:
        return f"{place}:1: {shown(said)}"
    line = match["line"] or str(text.rstrip("\n").count("\n") + 1)
    column = f" (column {match['column']})" if match["column"] else " (end of the file)"
    return f"{place}:{line}: {shown(match['what'])}{column}"


@dataclass(frozen=True, slots=True)
class _File:
    """A text that could be read, and what it is called."""

    text: str
    place: str

    def wrong(self, what: str, *path: str | int) -> NoReturn:
        """Raise what is wrong at this path."""
        raise UsageError(f"{self.place}:{line_of(self.text, path)}: {what}")

    def profile(self, table: Mapping[str, Any]) -> Profile:
        for key in table:
            if key not in _KEYS:
                self.wrong(f"unknown key {quoted(key)} (there are {', '.join(_KEYS)}){nearest(key, _KEYS)}", key)
        items = table.get("items", "any")
        if items not in _ITEMS:
            self.wrong(f"items = {shown(repr(items))}; one of {', '.join(_ITEMS)} is needed", "items")
        rows = table.get("map", [])
        if not isinstance(rows, list):
            self.wrong("map is a list of tables, written [[map]]", "map")
        clauses = tuple(self._clause(row, n) for n, row in enumerate(rows))
        keep, features = self._words(table, "keep"), self._words(table, "features")
        for feature in features:
            if feature not in FEATURES:
                hint = nearest(feature, FEATURES)
                self.wrong(f"no feature {quoted(feature)} (there are {', '.join(FEATURES)}){hint}", "features")
        envelope = self._envelope(table["envelope"]) if "envelope" in table else None
        frame = self._frame(table.get("frame", {}))
        name, sentence = self._text(table, "name"), self._text(table, "sentence")
        return Profile(name, sentence, items, clauses, keep, features, envelope, frame, self._words(table, "roles"))

    def _envelope(self, told: Any) -> Envelope:
        known = (*_FIELDS, *_LISTS, *SAYS)
        if not isinstance(told, dict):
            self.wrong("envelope is a table, written [envelope]", "envelope")
        for key, value in told.items():
            if key not in known:
                what = f"[envelope]: unknown key {quoted(key)} (there are {', '.join(known)}){nearest(key, known)}"
                self.wrong(what, "envelope", key)
            if key not in _LISTS and (not isinstance(value, str) or not value):
                self.wrong(f"[envelope]: {key} is a text, not empty", "envelope", key)
            for place in places_of(value) if key in SAYS else ():
                if place not in SAYS[key]:
                    hint = nearest(place, SAYS[key])
                    what = f"[envelope]: {{{place}}} is no place of {key} (it has {', '.join(SAYS[key])}){hint}"
                    self.wrong(what, "envelope", key)
            if key in _LISTS and not (isinstance(value, list) and all(isinstance(w, str) and w for w in value)):
                self.wrong(f'[envelope]: {key} = ["…"] is a list of texts', "envelope", key)
        values: dict[str, Any] = {key: tuple(value) if key in _LISTS else value for key, value in told.items()}
        return Envelope(**values)

    def _frame(self, told: Any) -> Frame:
        if not isinstance(told, dict):
            self.wrong("frame is a table, written [frame]", "frame")
        for key, value in told.items():
            if key not in _FRAME:
                what = f"[frame]: unknown key {quoted(key)} (there are {', '.join(_FRAME)}){nearest(key, _FRAME)}"
                self.wrong(what, "frame", key)
            if type(value) not in {int, str} or value not in _FRAME[key]:  # `true` and 1.0 are 1 in Python
                fit = ", ".join(map(str, _FRAME[key]))
                self.wrong(f"[frame]: {key} = {shown(repr(value))}; one of {fit} is needed", "frame", key)
        return Frame(**told)

    def _words(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        words = table.get(key, [])
        if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
            self.wrong(f'{key} = ["…"] is a list of words', key)
        return tuple(words)

    def _text(self, table: Mapping[str, Any], key: str) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value:
            self.wrong(f'{key} = "…" is missing' if key not in table else f'{key} = "…" is a text, not empty', key)
        return value

    def _clause(self, row: Any, n: int) -> Clause:
        number = f"[[map]] number {n + 1}"
        if not isinstance(row, dict):
            self.wrong(f"{number}: a table with {' and '.join(_ROW_KEYS)} is needed", "map", n)
        for key in row:
            if key not in _ROW_KEYS:
                self.wrong(f"{number}: unknown key {quoted(key)}{nearest(key, _ROW_KEYS)}", "map", n, key)
        when, kind = row.get("when"), row.get("is")
        if not isinstance(when, dict) or not when:
            self.wrong(f'{number}: when = {{ event = "…" }} is needed', "map", n, "when")
        for key, value in when.items():
            if key not in {"event", "data", HAS} and not (key.startswith("json.") and key.count(".") == 1):
                bare = "; in quotes, it has a dot" if key == "json" and isinstance(value, dict) else ""
                what = f'{number}: {quoted(key)} is no condition (event, data, has, "json.FIELD"{bare})'
                self.wrong(what, "map", n, "when", key)
            if not isinstance(value, str):
                self.wrong(f'{number}: when {quoted(key)} is what? Write it as a text, "…"', "map", n, "when", key)
        if "is" not in row:
            self.wrong(f"{number}: is = … is missing; one of {', '.join(KINDS)}", "map", n)
        if kind not in KINDS:
            hint = nearest(kind, KINDS) if isinstance(kind, str) else ""
            self.wrong(f"{number}: is = {shown(repr(kind))}; one of {', '.join(KINDS)} is needed{hint}", "map", n, "is")
        return Clause(tuple(sorted(when.items())), kind)

"""A baseline's TOML as known failures: every mistake in it is named as FILE:LINE, with what would be right.

Reads the file that was named, and writes one that nobody has yet. Never here: what an entry means (`core.baseline`).
"""

from __future__ import annotations

import datetime as dt
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from streamspec.harness.config import nearest
from streamspec.harness.core import baseline
from streamspec.harness.core.baseline import UNWRITTEN, Known
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.quoting import quoted
from streamspec.harness.core.toml_lines import line_of
from streamspec.harness.discovery import all_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from streamspec.harness.core.run import Run

_BYTES_MAX: Final = 1_048_576
_ENTRIES_MAX: Final = 10_000
_KEYS: Final = ("rule", "case", "binding", "reason", "until")
_LINE: Final = re.compile(r"at line (\d+)")


def read(path: Path, rules: Collection[str]) -> tuple[Known, ...]:
    """The entries of the file at this path; `rules` are the ids that there are. Raises `UsageError` that names file,
    line, and what would be right."""
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"--baseline {path}: {error.strerror}") from error
    if len(data) > _BYTES_MAX:
        raise UsageError(f"--baseline {path}: larger than {_BYTES_MAX} octets")
    return from_toml(data, str(path), rules)


def from_toml(data: bytes, place: str, rules: Collection[str]) -> tuple[Known, ...]:
    """The entries of this text. Raises `UsageError`."""
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{place}:{line}: not UTF-8 ({error.reason})") from error
    except tomllib.TOMLDecodeError as error:
        said = _LINE.search(str(error))
        line = int(said[1]) if said else text.rstrip("\n").count("\n") + 1
        raise UsageError(f"{place}:{line}: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{place}:1: nested too deep") from error
    return _File(text, place, rules).entries(table)


def comparison(named: Path | None, new: str) -> Callable[[Run], Run]:
    """What a door does with its run: hold it against the baseline that was named, and write a new one where that was
    asked for (empty: it was not). What cannot be read, or is there already, is refused now, before any traffic: raises
    `UsageError`."""
    entries = read(named, frozenset(rule.id for rule in all_rules())) if named else ()
    if new and Path(new).exists():
        raise _there(new)
    if new and not os.access(Path(new).parent, os.W_OK):
        raise UsageError(f"--write-baseline {new}: it cannot be written there")

    def compared(run: Run) -> Run:
        today = dt.datetime.now().astimezone().date()  # a day where the reader is: people write such days
        run = baseline.held_against(run, entries, today) if named else run
        if new and not (run.stopped or run.problem):  # what a part of a run shows is no baseline
            _write(Path(new), run)
        return run

    return compared


def _write(path: Path, run: Run) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(baseline.written(run))
    except FileExistsError as error:
        raise _there(str(path)) from error
    except OSError as error:
        raise UsageError(f"--write-baseline {path}: {error.strerror}") from error


def _there(name: str) -> UsageError:
    return UsageError(f"--write-baseline {name}: it is there already, and is not written over")


@dataclass(frozen=True, slots=True)
class _File:
    """A text that could be read, what it is called, and the ids of the rules that there are."""

    text: str
    place: str
    rules: Collection[str]

    def wrong(self, what: str, *path: str | int) -> NoReturn:
        raise UsageError(f"{self.place}:{line_of(self.text, path)}: {what}")

    def entries(self, table: dict[str, Any]) -> tuple[Known, ...]:
        for key in table:
            if key != "known":
                self.wrong(
                    f"unknown key {quoted(key)}: a baseline is a list of [[known]]{nearest(key, ['known'])}", key
                )
        rows = table.get("known", [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.wrong("known is a list of tables, written [[known]]", "known")
        if len(rows) > _ENTRIES_MAX:
            self.wrong(f"more than {_ENTRIES_MAX} entries", "known")
        return tuple(self._entry(row, n) for n, row in enumerate(rows))

    def _entry(self, row: dict[str, Any], n: int) -> Known:
        for key in row:
            if key not in _KEYS:
                known = ", ".join(_KEYS)
                self.wrong(f"unknown key {quoted(key)} (there are {known}){nearest(key, _KEYS)}", "known", n, key)
        rule, reason = self._text(row, n, "rule"), self._text(row, n, "reason").strip()
        if not rule:
            self.wrong('rule = "…" is missing', "known", n)
        if rule not in self.rules:
            self.wrong(f"no rule {quoted(rule)}{nearest(rule, self.rules)}", "known", n, "rule")
        if not reason:
            self.wrong(f'{rule}: reason = "…" is missing: why may this rule be broken?', "known", n)
        if reason == UNWRITTEN:
            self.wrong(f'{rule}: reason = "{UNWRITTEN}" is none: why may this rule be broken?', "known", n, "reason")
        until = row.get("until")
        if until is not None and type(until) is not dt.date:
            self.wrong(f"{rule}: until is a day without quotes, like 2027-01-31", "known", n, "until")
        place = f"{self.place}:{line_of(self.text, ('known', n))}"
        return Known(rule, reason, self._text(row, n, "case"), self._text(row, n, "binding"), until, place)

    def _text(self, row: dict[str, Any], n: int, key: str) -> str:
        value = row.get(key, "")
        if not isinstance(value, str):
            self.wrong(f'{key} = "…" is a text', "known", n, key)
        return value

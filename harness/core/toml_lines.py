"""On which line of a TOML text a table or a key stands, for messages about what is wrong there.

`tomllib` says so of a text that it cannot read, and of no other. This looks at texts that it has read: it finds places
and checks nothing. Never here: values, or files.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]  # ("map", 1, "is"): of the second table of `map` the key `is`

_TOKEN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?!")|\'\'\'.*?\'\'\'(?!\')'  # texts that may go over several lines, three quotes first
    r'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
    r"|#[^\n]*|[\n\[\]{}=]|[^\n\[\]{}=\"'#]+|.",
    re.DOTALL,
)
_KEY: Final = re.compile(r'"((?:\\.|[^"\\])*)"|\'([^\']*)\'|([A-Za-z0-9_-]+)')


def line_of(text: str, path: Path) -> int:
    """The line (from 1) of what stands at this path, or of the nearest thing around it that stands anywhere."""
    found = places(text)
    return next((found[path[:n]] for n in range(len(path), 0, -1) if path[:n] in found), 1)


def places(text: str) -> Mapping[Path, int]:
    """Every table and key of a valid text, and the line on which it begins. Of an array only the tables that stand in
    it count, of an inline table nothing that is inside."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for line, tokens in _statements(text):
        if tokens[0][1] == "[":
            names = _names("".join(word for _, word in tokens))
            table = _deep(names[:-1], counts) + names[-1:]
            if [word for _, word in tokens[:2]] == ["[", "["]:
                counts[table] = counts.get(table, -1) + 1
                found.setdefault(table, line)
                table = (*table, counts[table])
            found.setdefault(table, line)
            continue
        equals = next((n for n, (_, word) in enumerate(tokens) if word == "="), len(tokens))
        names = _names("".join(word for _, word in tokens[:equals]))
        for n in range(1, len(names) + 1):
            found.setdefault(table + names[:n], line)
        for n, inner in enumerate(_tables(tokens[equals + 1 :])):
            found.setdefault((*table, *names, n), inner)
    return found


def _names(text: str) -> Path:
    return tuple(double or single or bare for double, single, bare in _KEY.findall(text))


def _deep(names: Path, counts: Mapping[Path, int]) -> Path:
    """The path of these names; of an array of tables the last one is meant."""
    path: Path = ()
    for name in names:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path])
    return path


def _tables(value: list[tuple[int, str]]) -> Iterator[int]:
    """The lines of the tables that stand directly in an array."""
    open_: list[str] = []
    for line, mark in value:
        if mark in {"[", "{"}:
            if mark == "{" and open_ == ["["]:
                yield line
            open_.append(mark)
        elif mark in {"]", "}"} and open_:
            open_.pop()


def _statements(text: str) -> Iterator[tuple[int, list[tuple[int, str]]]]:
    """Headers and `key = value`s: the line on which each begins, and its tokens with theirs."""
    line, depth = 1, 0
    tokens: list[tuple[int, str]] = []
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word == "\n" and depth <= 0:
            if tokens:
                yield tokens[0][0], tokens
            tokens, depth = [], 0
        elif word.strip() and not word.startswith("#"):
            tokens.append((line, word if word[0] in "\"'" else word.strip()))
            depth += (word in {"[", "{"}) - (word in {"]", "}"})
        line += word.count("\n")
    if tokens:
        yield tokens[0][0], tokens

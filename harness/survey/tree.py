"""A file, or the `.proto` and `.go` files below a folder, read within bounds. The I/O of a survey of sources.

Links are not followed, and only regular files are opened; what is left out for a bound is a note. Never here: what is
in a file.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.quoting import shown
from streamspec.harness.survey import go_generated, go_source, go_tokens, proto_names, proto_source
from streamspec.harness.survey.found import Note, Place, Survey
from streamspec.harness.survey.merging import disagreements, merged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.survey.found import Method, Use
    from streamspec.harness.survey.proto_source import ProtoFile

ENDINGS: Final = (".proto", ".go")
SKIPPED: Final = frozenset(
    {"vendor", "node_modules", "testdata"}
)  # somebody else's code, and what is no code of a build

_GENERATED: Final = re.compile(r"^// Code generated .* DO NOT EDIT\.$", re.MULTILINE)  # pkg.go.dev/cmd/go, Generate


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one survey: how many files, how large each, how large all, and how many folders deep."""

    files: int = 20_000
    file_bytes: int = 4 * 1024 * 1024
    all_bytes: int = 256 * 1024 * 1024
    depth: int = 40


BOUNDS: Final = Bounds()


def survey_of(root: Path, bounds: Bounds = BOUNDS) -> Survey:
    """What streams in this file, or below this folder. Raises `UsageError` where there is neither."""
    notes: list[Note] = []
    protos: dict[str, ProtoFile] = {}
    methods: list[Method] = []
    uses: list[Use] = []
    count = 0
    for name, text in _texts(root, bounds, notes):
        count += 1
        if name.endswith(".proto"):
            protos[name] = proto_source.read(text)
            notes += [Note(Place(name, line), what) for line, what in protos[name].problems]
        else:
            file = go_tokens.read(text)
            described, unread = go_generated.described(file, name)
            methods += described
            notes += unread
            uses += () if _GENERATED.search(text) else go_source.uses(file, name)
    listed, loose = merged((*proto_names.methods(protos), *methods), uses)
    notes += disagreements(listed)
    return Survey(str(root), listed, loose, tuple(dict.fromkeys(notes)), count)


def _texts(root: Path, bounds: Bounds, notes: list[Note]) -> Iterator[tuple[str, str]]:
    """Every file's name below the root, with `/` between folders, and its text."""
    try:
        place = root.resolve(strict=True)
        if not place.is_dir() and not (place.is_file() and place.suffix in ENDINGS):
            raise UsageError(f"{shown(str(root))}: a folder, or a file whose name ends in {' or '.join(ENDINGS)}")
        found = [(place.name, place)] if place.is_file() else _files(place, bounds, notes)
    except OSError as error:
        raise UsageError(f"{shown(str(root))}: {error.strerror}") from error
    except RuntimeError as error:  # until Python 3.13, which has an OSError for it
        raise UsageError(f"{shown(str(root))}: links that lead to each other") from error
    total = 0
    for count, (name, path) in enumerate(found):
        if count == bounds.files:
            notes.append(Note(Place(name), f"from here on nothing was read: more than {bounds.files} files"))
            return
        try:
            data = _data(path, bounds.file_bytes)
        except OSError as error:
            notes.append(Note(Place(name), f"not read: {error.strerror}"))
            continue
        total += len(data)
        if len(data) > bounds.file_bytes:
            notes.append(Note(Place(name), f"not read: larger than {bounds.file_bytes} octets"))
        elif total > bounds.all_bytes:
            notes.append(Note(Place(name), f"from here on nothing was read: more than {bounds.all_bytes} octets"))
            return
        else:
            yield name, data.decode("utf-8", "replace")


def _data(path: Path, most_bytes: int) -> bytes:
    """One octet more than may be there, at most."""
    with path.open("rb") as file:
        return file.read(most_bytes + 1)


def _files(root: Path, bounds: Bounds, notes: list[Note]) -> Iterator[tuple[str, Path]]:
    """In the order of their names, folder by folder."""
    due = [("", root, 0)]
    while due:
        inside, folder, depth = due.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not inside:
                raise UsageError(f"{shown(str(root))}: {error.strerror}") from error
            notes.append(Note(Place(inside), f"not read: {error.strerror}"))
            continue
        below = []
        for entry in found:
            name = f"{inside}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if entry.name.startswith(".") or entry.name in SKIPPED:
                    continue
                if depth == bounds.depth:
                    notes.append(Note(Place(name), f"not read: more than {bounds.depth} folders deep"))
                else:
                    below.append((f"{name}/", Path(entry.path), depth + 1))
            elif entry.name.endswith(ENDINGS) and entry.is_file(follow_symlinks=False):
                yield name, Path(entry.path)
        due += reversed(below)

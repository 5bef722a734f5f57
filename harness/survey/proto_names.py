"""Which type a name in a `.proto` file means, by the scopes of the language; and the methods of all files together.

A name whose file is not among those that were read stays as it is written. Pure. Never here: a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.harness.survey.found import Method, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamspec.harness.survey.proto_source import ProtoFile


def methods(files: Mapping[str, ProtoFile]) -> tuple[Method, ...]:
    """Every method of these files (by their paths), with the full names of its types."""
    ends = _by_last_part(files)
    return tuple(
        Method(rpc.service, rpc.name, rpc.kind, *types, "proto", Place(path, rpc.line))
        for path, file in files.items()
        if file.rpcs
        for scope in [_Scope(files, path, ends)]
        for rpc in file.rpcs
        for types in [(scope.full(rpc.request, rpc.service), scope.full(rpc.response, rpc.service))]
    )


def _by_last_part(files: Mapping[str, ProtoFile]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for path in files:
        found.setdefault(path.rpartition("/")[2], []).append(path)
    return found


class _Scope:
    """What can be named in one file: its own, what it imports, and what these import publicly."""

    def __init__(self, files: Mapping[str, ProtoFile], path: str, ends: Mapping[str, Sequence[str]]) -> None:
        visible = [files[name] for name in _visible(files, path, ends)]
        self._types = frozenset().union(*(file.types for file in visible))
        self._holders = self._types | {part for file in visible for part in _parts(file)}

    def full(self, name: str, scope: str) -> str:
        """The full name, from the innermost scope outwards: where its first part is found, the rest has to be."""
        if name.startswith("."):
            return name[1:]
        first, _, rest = name.partition(".")
        while True:
            held = f"{scope}.{first}" if scope else first
            if rest and held in self._holders:
                found = f"{held}.{rest}"
                return found if found in self._types else name
            if not rest and held in self._types:
                return held
            if not scope:
                return name
            scope = scope.rpartition(".")[0]


def _parts(file: ProtoFile) -> Iterator[str]:
    """The packages and services of a file: they hold names and are no types."""
    yield from file.services
    package = file.package
    while package:
        yield package
        package = package.rpartition(".")[0]


def _visible(files: Mapping[str, ProtoFile], path: str, ends: Mapping[str, Sequence[str]]) -> set[str]:
    found = {path}
    own = files[path]
    due = [(path, name) for name in (*own.imports, *own.public_imports)]
    while due:
        importing, name = due.pop()
        imported = _nearest(importing, name, ends)
        if imported and imported not in found:
            found.add(imported)
            due += [(imported, public) for public in files[imported].public_imports]
    return found


def _nearest(importing: str, name: str, ends: Mapping[str, Sequence[str]]) -> str | None:
    """The file that an import means: nobody says below which folders protoc looks, so of those whose path ends like it
    the one that has most folders in common with who imports it."""
    paths = [p for p in ends.get(name.rpartition("/")[2], ()) if p == name or p.endswith(f"/{name}")]
    folders = importing.split("/")[:-1]

    def common(path: str) -> int:
        pairs = zip(folders, path.split("/")[:-1], strict=False)
        return next((n for n, (ours, theirs) in enumerate(pairs) if ours != theirs), min(len(folders), path.count("/")))

    return max(paths, key=lambda path: (common(path), -path.count("/")), default=None)

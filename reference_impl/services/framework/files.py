"""Streams in files: `metrics/live.stream.py` in the operator's folder is the stream `metrics.live`.

A file has a `handler`, and may have a `meta`, an `input_schema` and an `output_schema`. Files are found and read once,
at start, and never because of a request. Never here: a path that a client sends, or a change of what is imported.
"""

from __future__ import annotations

import os
import stat
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl.services.framework.faults import Misdeclared
from streamspec.reference_impl.services.framework.procedure import Procedure, check_name, handler_of
from streamspec.reference_impl.services.framework.schema import Schema, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.reference_impl.services.framework.router import Router

ENDING: Final = ".stream.py"
MOST_FILES: Final = 1_000
MOST_FOLDERS_DEEP: Final = 8
MOST_FILE_BYTES: Final = 1_048_576
_IGNORED: Final = "__pycache__"
# The document's own spelling is understood as well.
_META: Final = {
    "description": "description",
    "direction": "direction",
    "content_type": "content_type",
    "contentType": "content_type",
    "priority": "priority",
}


def register_files(router: Router, folder: str | Path) -> Router:
    """Register every stream of the folder. Raises `Misdeclared`, saying which file it is and where in it."""
    for procedure in procedures_in(folder):
        router.register(procedure)
    return router


def procedures_in(folder: str | Path) -> tuple[Procedure, ...]:
    """The streams of a folder, in the order of their names."""
    try:
        root = Path(folder).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise Misdeclared(f"there is no folder {folder}") from error
    if not root.is_dir():
        raise Misdeclared(f"{folder} is no folder")
    found: list[Path] = []
    for path in _files_in(root, root, 0):
        if len(found) == MOST_FILES:
            raise Misdeclared(f"{folder} has more than {MOST_FILES} files of streams")
        found.append(path)
    declared = [_declared(root, path) for path in found]
    return tuple(sorted(declared, key=lambda procedure: procedure.name))


def _files_in(root: Path, folder: Path, depth: int) -> Iterator[Path]:
    """The files of streams below a folder. Whatever leads out of it is refused, and so is a folder that is only linked:
    its streams would have two names."""
    if depth > MOST_FOLDERS_DEEP:
        raise Misdeclared(f"{_shown(root, folder)}: more than {MOST_FOLDERS_DEEP} folders deep")
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise Misdeclared(f"{_shown(root, folder)}: it cannot be read") from error
    for entry in entries:
        path = Path(entry.path)
        if entry.is_symlink():
            _check_link(root, path)
        if entry.is_dir():
            if entry.name != _IGNORED and not entry.name.startswith("."):
                yield from _files_in(root, path, depth + 1)
        elif entry.name.endswith(ENDING):
            yield path


def _check_link(root: Path, path: Path) -> None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise Misdeclared(f"{_shown(root, path)}: a link to nothing") from error
    if not target.is_relative_to(root):
        raise Misdeclared(f"{_shown(root, path)}: a link that leads out of the folder")
    if target.is_dir():
        raise Misdeclared(f"{_shown(root, path)}: a link to a folder")


def _declared(root: Path, path: Path) -> Procedure:
    shown = _shown(root, path)
    *folders, last = path.relative_to(root).parts
    parts = (*folders, last.removesuffix(ENDING))
    if odd := next((part for part in parts if "." in part), None):
        raise Misdeclared(f"{shown}: a dot in {odd!r}, and dots are what stands between folders")
    name = ".".join(parts)
    try:
        check_name(name)
        return _procedure(name, _run(name, shown, path, _source(path)))
    except Misdeclared as misdeclared:
        said = str(misdeclared)
        raise Misdeclared(said if said.startswith(shown) else f"{shown}: {said}") from misdeclared.__cause__


def _source(path: Path) -> bytes:
    try:
        # Not following and not waiting: by now it might be a link, or a pipe that nobody writes to.
        with open(path.resolve(strict=True), "rb", opener=_opener) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Misdeclared("it is no regular file")
            source = file.read(MOST_FILE_BYTES + 1)
    except OSError as error:
        raise Misdeclared("it cannot be read") from error
    if len(source) > MOST_FILE_BYTES:
        raise Misdeclared(f"more than {MOST_FILE_BYTES} octets")
    return source


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _run(name: str, shown: str, path: Path, source: bytes) -> Mapping[str, Any]:
    """What a file defines, its schemas already made of it.

    It is no import: nothing is looked for along `sys.path`, and no cache is written. Only while it runs and its models
    are read there is a module of its name, by which annotations that are texts are resolved.
    """
    module = ModuleType(f"{__name__}:{name}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        # A file of the operator's, whose very purpose is to be run.
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102
        defined = dict(module.__dict__)
        for schema in ("input_schema", "output_schema"):
            model = defined.get(schema)
            defined[schema] = None if model is None else schema_of(model)
    except Misdeclared:
        raise
    except (Exception, SystemExit) as failure:  # whatever it is, the operator has to learn where
        raise Misdeclared(f"{shown}:{_line(str(path), failure)}: {type(failure).__name__}: {failure}") from failure
    finally:
        del sys.modules[module.__name__]
    return defined


def _line(filename: str, failure: BaseException) -> int:
    """Where in the file it failed."""
    if isinstance(failure, SyntaxError) and failure.filename == filename and failure.lineno is not None:
        return failure.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(failure.__traceback__) if frame.filename == filename]
    return lines[-1] if lines and lines[-1] is not None else 1


def _procedure(name: str, defined: Mapping[str, Any]) -> Procedure:
    if "handler" not in defined:
        raise Misdeclared("it has no handler")
    meta = defined.get("meta", {})
    if not isinstance(meta, Mapping):
        raise Misdeclared("meta is no mapping")
    if unknown := next((key for key in meta if key not in _META), None):
        raise Misdeclared(f"meta has {unknown!r}, which nobody knows")
    said = {_META[key]: value for key, value in meta.items()}
    given: Schema | None = defined["input_schema"]
    shown: Schema | None = defined["output_schema"]
    return Procedure(
        name,
        said.get("direction", "server"),
        given,
        shown,
        said.get("description", ""),
        said.get("content_type"),
        said.get("priority", 0),
        (),
        handler_of(name, defined["handler"]),
    )


def _shown(root: Path, path: Path) -> str:
    """A path as the operator knows it, from his folder on."""
    return path.relative_to(root).as_posix() if path != root else root.name

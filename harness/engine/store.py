"""Runs on disk: one directory a run, histories first, `run.json` last. A history is stored before it is judged.

Names on disk come from our own case ids, never from a target. Files are replaced whole, never written through.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.history import History, from_lines, to_lines
from streamspec.harness.core.plan import Skip  # noqa: TC001 -- typed.build reads our hints at run time
from streamspec.harness.core.run import About, Section  # noqa: TC001 -- likewise
from streamspec.harness.core.typed import build

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamspec.harness.core.run import Run

VERSION: Final = 1
LINE_BYTES_MAX: Final = 4_194_304
RUN_FILE: Final = "run.json"


@dataclass(frozen=True, slots=True)
class StoredCase:
    """One case of a stored run. `file` is empty when it did not run, and `note` says why."""

    case: str
    promises: tuple[str, ...]
    file: str
    note: str


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What `run.json` holds: everything but the verdicts, which are made again from the histories. What was counted and
    measured, and crossed, cannot be made again, and is kept."""

    about: About
    rules: tuple[str, ...]
    cases: tuple[StoredCase, ...]
    skips: tuple[Skip, ...]
    duration_s: float
    stopped: str
    problem: str
    crossed: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()


def new_directory(root: Path, name: str) -> Path:
    """A fresh directory `root/name`, and `root/last` pointing to it. Raises `UsageError` when it cannot be made."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        ignore = root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        for attempt in range(100):
            place = root / (name if not attempt else f"{name}-{attempt}")
            try:
                place.mkdir(mode=0o700)
            except FileExistsError:
                continue
            _point_last(root, place)
            return place
    except OSError as error:
        raise UsageError(f"cannot store runs in {root}: {error.strerror}") from error
    raise UsageError(f"cannot store runs in {root}: too many of them are named {name}")


def _point_last(root: Path, place: Path) -> None:
    fresh = root / f".last-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(place.name)
    fresh.replace(root / "last")


def save_history(place: Path, history: History) -> Path:
    """Write one history; the file's name is the case id."""
    safe = "".join(c if c.isalnum() or c in "-@." else "_" for c in history.header.case)
    path = place / f"{safe}.ndjson"
    _write(path, (line + "\n" for line in to_lines(history)))
    return path


def load_history(path: Path) -> History:
    """Read one history. Raises `UsageError` naming file and line."""
    try:
        with path.open("rb") as file:
            return from_lines(_lines(file), str(path))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _lines(file: Any) -> Iterable[str]:
    while line := file.readline(LINE_BYTES_MAX):
        yield line.decode("utf-8", errors="replace").rstrip("\n")


def save_run(place: Path, run: Run) -> None:
    """Write `run.json`, from which `streamspec judge` makes the same report again."""
    cases = [StoredCase(r.case, r.promises, Path(r.place).name if r.place else "", r.note) for r in run.results]
    stored = StoredRun(
        run.about,
        tuple(r.id for r in run.rules),
        tuple(cases),
        run.skips,
        run.duration_s,
        run.stopped,
        run.problem,
        run.crossed,
        run.sections,
    )
    data = {"run": VERSION, **asdict(stored)}
    _write(place / RUN_FILE, [json.dumps(data, indent=1) + "\n"])


def load_run(place: Path) -> StoredRun:
    """Read `run.json`. Raises `UsageError` naming the file."""
    path = place / RUN_FILE
    try:
        data = json.loads(path.read_text())
        version = data.pop("run")
        stored = build(StoredRun, data) if version == VERSION else None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path}: not a stored run ({str(error)[:120]})") from error
    if stored is None:
        raise UsageError(f"{path}: stored in version {version!r} of the format, and this streamspec reads {VERSION}")
    for case in stored.cases:  # a run's directory may be somebody else's: it names files of its own only
        if case.file and case.file != Path(case.file).name:
            raise UsageError(f"{path}: {case.file!r} is no file of this directory")
    return stored


def _write(path: Path, lines: Iterable[str]) -> None:
    """Replace the file whole: a reader sees the old one or the new one. Raises `UsageError` when it cannot."""
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            file.writelines(lines)
        fresh.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)

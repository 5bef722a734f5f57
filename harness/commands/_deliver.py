"""From a `Run` to what a person or a machine reads, and from an error to one line and an exit code.

Never here: a verdict, or the words of any one command.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click

from streamspec.harness.core.errors import HarnessError, InternalError, UsageError
from streamspec.harness.core.ports import Renderer, Style
from streamspec.harness.core.run import EXIT_OURS, EXIT_USAGE

if TYPE_CHECKING:
    from streamspec.harness.core.run import Run


def _renderers() -> dict[str, Renderer]:
    from streamspec.harness.discovery import constants

    return {renderer.name: renderer for renderer in constants("streamspec.reports", Renderer)}


def outputs_of(words: tuple[str, ...]) -> list[tuple[Renderer, Path | None]]:
    """The reports asked for; None is stdout. What cannot be written is refused before any traffic."""
    renderers = _renderers()
    found: list[tuple[Renderer, Path | None]] = []
    for word in words:
        name, equals, place = word.partition("=")
        if name not in renderers or not equals or not place:
            raise UsageError(f"-o {word}: write FORMAT=PATH, FORMAT one of {', '.join(sorted(renderers))}")
        path = None if place == "-" else Path(place)
        if path and (path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK)):
            raise UsageError(f"-o {word}: {path} cannot be written")
        found.append((renderers[name], path))
    if sum(path is None for _, path in found) > 1:
        raise UsageError("-o: only one report fits on stdout")
    return found


def deliver(made: Run, outputs: list[tuple[Renderer, Path | None]], color: str) -> None:
    """Files first; then people, on stdout unless a report took it."""
    taken = next((renderer for renderer, path in outputs if path is None), None)
    for renderer, path in outputs:
        if path:
            try:
                path.write_text(renderer.render(made, Style()), encoding="utf-8")
            except OSError as error:
                raise UsageError(f"-o {renderer.name}={path}: {error.strerror}") from error
    people = sys.stderr if taken else sys.stdout
    with pipe():
        if not (taken and taken.name == "text"):
            write(people, _renderers()["text"].render(made, _style(people, color)))
        if taken:
            write(sys.stdout, taken.render(made, Style()))


def write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def _style(stream: TextIO, color: str) -> Style:
    """--color, then NO_COLOR, then FORCE_COLOR, then whether it is a terminal."""
    if color == "auto":
        if os.environ.get("NO_COLOR"):
            colour = False
        else:
            colour = bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")
    else:
        colour = color == "always"
    return Style(colour, (stream.encoding or "").lower().replace("-", "") == "utf8")


@contextlib.contextmanager
def pipe() -> Any:
    """A reader that left (`| head`) is no error."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def errors() -> Any:
    """Every error ends as one line on stderr and its exit code."""
    try:
        yield
    except InternalError as error:
        _end(f"our error: {error}", EXIT_OURS)
    except HarnessError as error:
        _end(str(error), EXIT_USAGE)
    except Exception as error:  # noqa: BLE001 -- the last door: anything here is our bug
        path = Path(".streamspec") / "crash.txt"
        with contextlib.suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            path.write_text(traceback.format_exc())
        _end(f"our error: {type(error).__name__}: {error} (traceback in {path})", EXIT_OURS)


def _end(text: str, code: int) -> NoReturn:
    click.echo(f"streamspec: {text}", err=True)
    sys.exit(code)

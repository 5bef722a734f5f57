"""The command line: parses words, assembles, prints, exits. It decides nothing about verdicts.

Heavy modules are imported inside the commands that need them: `streamspec --help` stays light.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar

import click

import streamspec
from streamspec.harness.core.errors import HarnessError, InternalError, UsageError
from streamspec.harness.core.ports import Renderer, Style, Transport
from streamspec.harness.core.run import EXIT_OURS, EXIT_USAGE, Run, exit_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.assembly import Settings

F = TypeVar("F", bound="Callable[..., Any]")
STORE = Path(".streamspec") / "runs"
EXIT_CODES = """
\b
Exit codes, the first that applies:
  130, 143  a signal stopped the run; the partial report is valid
  2  usage or configuration      4  our error
  1  a rule failed               3  no verdict could be made
  5  nothing applicable ran      0  everything judged was kept
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(streamspec.__version__, "-V", "--version", prog_name="streamspec")
def main() -> None:
    """h2spec for streams: point it at anything that streams and read, rule by numbered rule and with evidence,
    whether it keeps the streaming contract."""


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, in the order in which help shows them."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


# How a target is asked, alike for every command that sends anything.
_ASKING = _options(
    click.option("--profile", default="", metavar="NAME|FILE",
        help="The dialect: plain (default), guide, ndjson-bulk, raffel, raffel-docs, streamspec, or a TOML file."),
    click.option("--binding", default="", metavar="NAME",
        help="The binding, when it is not to be detected: sse, ndjson, json_array."),
    click.option("--role", "roles", multiple=True, metavar="NAME=PATH", help="An endpoint and what it does: finite, "
        "endless, failing, prompt, large, idle, empty, text, resumable; to be refused: unknown, invalid, "
        "unsupported; NAME.ATTRIBUTE=VALUE says more "
        "(finite.items=100, finite.seq=$.n)."),
    click.option("--tell", "tells", multiple=True, metavar="NAME=URL#FIELD", help="Where the target tells what its "
        "producers do: produced=/stats#$.produced; likewise sending, offered, ended, cancelled, cleanups, open."),
    click.option("--script", default="", metavar="URL", help="The base URL of an adapter that plays scripts "
        "(docs/contract.md), absolute or relative to the target's URL, which may then be left out."),
    click.option("--spawn", default="", metavar="COMMAND", help="Start the target with this command, in which {port} "
        "stands for a free port (as in the URL); its process is evidence, and it is ended with the run."),
    click.option("--grace-ms", default=0, type=click.IntRange(0), metavar="N", help="What a target that --spawn starts "
        "takes at most to end its open streams when it is asked to end."),
    click.option("--claim", "claims", multiple=True, metavar="NAME", help="What the target also does, and no look "
        "shows: of a server http10; of an object rendezvous, concurrent-senders."),
    click.option("--auth", default="", metavar="bearer", help="Every request needs credentials of this kind, which are "
        "said with -H: whoever has none is to be refused."),
    click.option("--pid", default=0, type=click.IntRange(0), help="The target's process, where it runs already."),
    click.option("-X", "--request", "method", default="", metavar="METHOD", help="The request's method, as with curl."),
    click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header to send, "
        "as with curl."),
    click.option("-d", "--data", default="", metavar="TEXT|@FILE", help="A body to send (POST), as with curl."),
    click.option("-k", "--insecure", is_flag=True, help="Do not verify the server's certificate."),
    click.option("--cacert", default="", metavar="FILE", help="Certificates to trust (PEM)."),
)  # fmt: skip

# What becomes of a run, alike for every command that makes one.
_RUNNING = _options(
    click.option("--rule", "rules", multiple=True, metavar="ID",
        help="Only this rule or family (LC-16, SSE); repeatable."),
    click.option("-o", "--output", "outputs", multiple=True, metavar="FORMAT=PATH",
        help="Write a report: text, json, junit or markdown; PATH - is stdout. Repeatable."),
    click.option("--strict", is_flag=True, help="WARN, INCONCLUSIVE and SKIP fail the run too."),
    click.option("--seed", default=None, type=int, help="The seed of every choice that a run makes (0)."),
    click.option("--effort", default="", type=click.Choice(["", "quick", "full", "soak"]),
        metavar="quick|full|soak", help="How often things that leak or race are repeated (quick)."),
    click.option("--instances", default=3, type=click.IntRange(1, 8), show_default=True, metavar="N", help="A target "
        "that --spawn starts at {port} is started so often at most, to be done sooner. What goes wrong then is tried "
        "once more with one alone."),
    click.option("--store", type=click.Path(path_type=Path, file_okay=False), default=STORE, show_default=True,
        help="Where runs are kept, histories and all."),
    click.option("--no-store", is_flag=True, help="Keep nothing."),
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True),
)  # fmt: skip


@main.command(epilog=EXIT_CODES)
@click.argument("url", required=False)
@_ASKING
@click.option("--config", default="", metavar="FILE", help="What is said of the target in a file; without a URL, "
    "streamspec.toml of this directory.")  # fmt: skip
@click.option("--no-config", is_flag=True, help="Read no streamspec.toml.")
@click.option("--object", "object_", default="", metavar="MODULE:FACTORY",
    help="Judge stream objects of this process instead of a server: what makes one (asyncio:Queue).")  # fmt: skip
@_RUNNING
def run(url: str | None, **options: Any) -> None:
    """Judge the stream at URL, or the objects that --object makes; without either, what streamspec.toml names, or else
    the embedded reference."""
    with _errors():
        from streamspec.harness.options import run_settings

        outputs = _outputs(options["outputs"])
        made = _made(run_settings(url or "", options))
        _deliver(made, outputs, options["color"])
    sys.exit(exit_code(made))


@main.command(epilog=EXIT_CODES)
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("url", required=False)
@_ASKING
@_RUNNING
def replay(path: Path, url: str | None, **options: Any) -> None:
    """Play the case of a stored history again: the same requests and acts, on its own target or on URL."""
    with _errors():
        from streamspec.harness.engine import store
        from streamspec.harness.options import replay_settings

        outputs = _outputs(options["outputs"])
        made = _made(replay_settings(store.load_history(path), url or "", options))
        _deliver(made, outputs, options["color"])
    sys.exit(exit_code(made))


def _made(settings: Settings) -> Run:
    from streamspec.harness.progress import Progress

    with Progress(live=sys.stderr.isatty() and os.environ.get("TERM") != "dumb") as progress:
        return asyncio.run(_until_signal(settings, progress))


@main.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--rule", "rules", multiple=True, metavar="ID", help="Only this rule or family; repeatable.")
@click.option("-o", "--output", "outputs", multiple=True, metavar="FORMAT=PATH", help="As with run.")
@click.option("--strict", is_flag=True, help="As with run.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True)
def judge(path: Path, rules: tuple[str, ...], outputs: tuple[str, ...], strict: bool, color: str) -> None:  # noqa: FBT001 -- click
    """Judge a stored run (its directory) or one history (its file) again, without any traffic."""
    with _errors():
        from streamspec.harness.rejudge import rejudge

        chosen = _outputs(outputs)
        made = rejudge(path, rules, strict=strict)
        _deliver(made, chosen, color)
    sys.exit(exit_code(made))


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(as_json: bool) -> None:  # noqa: FBT001 -- click
    """List the rules: id, level, sentence, needs; as JSON also how many cases and pairs of rule and case there are."""
    with _errors():
        from streamspec.harness.catalogue import catalogue_json, catalogue_text

        click.echo(catalogue_json() if as_json else catalogue_text(), nl=False)


@main.command()
def trace() -> None:
    """List every rule with its source and the scenarios that promise it; exit 1 where one has none."""
    with _errors():
        from streamspec.harness.catalogue import traced
        from streamspec.harness.discovery import all_rules, all_scenarios

        text, gaps = traced(all_rules(), all_scenarios())
        click.echo(text, nl=False)
    for gap in gaps:
        click.echo(f"streamspec: {gap}", err=True)
    sys.exit(1 if gaps else 0)


@main.command()
def catalogue() -> None:
    """Print the page of the rules (docs/rules.md), with the variants that the embedded reference lists."""
    with _errors():
        from streamspec.harness.discovery import all_rules, all_scenarios, constants
        from streamspec.harness.engine.broken_list import broken_list
        from streamspec.harness.rules_page import page

        http = next(t for t in constants("streamspec.harness.transports", Transport) if "http" in t.schemes)
        text = page(all_rules(), all_scenarios(), asyncio.run(broken_list(http)))
        with _pipe():
            _write(sys.stdout, text)


@main.command()
@click.argument("rule")
def explain(rule: str) -> None:
    """Tell one rule in full: sentence, source, needs, why it matters, a good and a bad history."""
    with _errors():
        from streamspec.harness.catalogue import rule_text

        click.echo(rule_text(rule), nl=False)


@main.command()
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
def serve(port: int) -> None:
    """Serve the reference and its broken variants on 127.0.0.1 until Ctrl-C."""
    with _errors():
        asyncio.run(_serve(port))


async def _serve(port: int) -> None:
    from streamspec.harness.engine.embedded import reference

    async with reference(port) as url:
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):  # ours even where a parent made SIGINT ignored
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        click.echo(f"listening on {url}/\nits broken variants are listed at {url}/broken/  (Ctrl-C ends)")
        await ended.wait()


async def _until_signal(settings: Settings, progress: Any) -> Run:
    """Run, and let SIGINT or SIGTERM end it with what it has."""
    from dataclasses import replace

    from streamspec.harness.assembly import run_target

    task = asyncio.ensure_future(run_target(settings, progress))
    stopped: list[str] = []
    loop = asyncio.get_running_loop()

    def stop(name: str) -> None:
        if stopped:
            os._exit(130)  # asked twice: at once
        stopped.append(name)
        task.cancel()

    for name in ("SIGINT", "SIGTERM"):
        loop.add_signal_handler(getattr(signal, name), stop, name)
    try:
        made = await task
    except asyncio.CancelledError:
        sys.exit(130 if stopped == ["SIGINT"] else 143)
    return replace(made, stopped=stopped[0]) if stopped else made


def _renderers() -> dict[str, Renderer]:
    from streamspec.harness.discovery import constants

    return {renderer.name: renderer for renderer in constants("streamspec.reports", Renderer)}


def _outputs(words: tuple[str, ...]) -> list[tuple[Renderer, Path | None]]:
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


def _deliver(made: Run, outputs: list[tuple[Renderer, Path | None]], color: str) -> None:
    """Files first; then people, on stdout unless a report took it."""
    taken = next((renderer for renderer, path in outputs if path is None), None)
    for renderer, path in outputs:
        if path:
            try:
                path.write_text(renderer.render(made, Style()), encoding="utf-8")
            except OSError as error:
                raise UsageError(f"-o {renderer.name}={path}: {error.strerror}") from error
    people = sys.stderr if taken else sys.stdout
    with _pipe():
        if not (taken and taken.name == "text"):
            _write(people, _renderers()["text"].render(made, _style(people, color)))
        if taken:
            _write(sys.stdout, taken.render(made, Style()))


def _write(stream: TextIO, text: str) -> None:
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
def _pipe() -> Any:
    """A reader that left (`| head`) is no error."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _errors() -> Any:
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


if __name__ == "__main__":
    main()

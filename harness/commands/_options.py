"""The options that several commands share. Words only: what they mean is `options` and `config`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")
STORE: Final = Path(".streamspec") / "runs"
EXIT_CODES: Final = """
\b
Exit codes, the first that applies:
  130, 143  a signal stopped the run; the partial report is valid
  2  usage or configuration      4  our error
  1  a rule failed               3  no verdict could be made
  5  nothing applicable ran      0  everything judged was kept
"""


def several(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, in the order in which help shows them."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


# How a target is asked, alike for every command that sends anything.
ASKING = several(
    click.option("--profile", default="", metavar="NAME|FILE",
        help="The dialect: plain (default), connect-conformance, grpc-interop, grpc-octets, guide, ndjson-bulk, "
        "ollama, openai-chat, raffel, raffel-docs, streamspec, or a TOML file."),
    click.option("--binding", default="", metavar="NAME",
        help="The binding, when it is not to be detected: sse, ndjson, json_array, ws, tcp, grpc, jsonrpc."),
    click.option("--http2", is_flag=True, help="Ask in HTTP/2 (where there is no TLS, with prior knowledge)."),
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
    click.option("--other-credentials", default="", metavar="'NAME: VALUE'", help="A header with good credentials of "
        "another client, who is to be kept from what belongs to the first (resumable.isolated=yes)."),
    click.option("--pid", default=0, type=click.IntRange(0), help="The target's process, where it runs already."),
    click.option("-X", "--request", "method", default="", metavar="METHOD", help="The request's method, as with curl."),
    click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header to send, "
        "as with curl."),
    click.option("-d", "--data", default="", metavar="TEXT|@FILE", help="A body to send (POST), as with curl; "
        "over WebSocket, TCP and gRPC the message that opens a stream."),
    click.option("-k", "--insecure", is_flag=True, help="Do not verify the server's certificate."),
    click.option("--cacert", default="", metavar="FILE", help="Certificates to trust (PEM)."),
)  # fmt: skip

# Which target is meant, alike for every command that can judge a server or an object.
TARGET = several(
    click.argument("url", required=False),
    ASKING,
    click.option("--config", default="", metavar="FILE", help="What is said of the target in a file; without a URL, "
        "streamspec.toml of this directory."),
    click.option("--no-config", is_flag=True, help="Read no streamspec.toml."),
    click.option("--object", "object_", default="", metavar="MODULE:FACTORY",
        help="Judge stream objects of this process instead of a server: what makes one (asyncio:Queue)."),
)  # fmt: skip

# What becomes of a run, alike for every command that makes one.
RUNNING = several(
    click.option("--rule", "rules", multiple=True, metavar="ID",
        help="Only this rule or family (LC-16, SSE); repeatable."),
    click.option("-o", "--output", "outputs", multiple=True, metavar="FORMAT=PATH",
        help="Write a report: text, json, junit or markdown; PATH - is stdout. Repeatable."),
    click.option("--strict", is_flag=True, help="WARN, INCONCLUSIVE and SKIP fail the run too."),
    click.option("--seed", default=None, type=int, help="The seed of every choice that a run makes (0)."),
    click.option("--effort", default="", type=click.Choice(["", "quick", "full", "soak"]),
        metavar="quick|full|soak", help="How often things that leak or race are repeated (quick)."),
    click.option("--instances", default=None, type=click.IntRange(1, 8), metavar="N", help="A target "
        "that --spawn starts at {port} is started so often at most (3), to be done sooner, and the embedded reference "
        "for each of its bindings (2). What goes wrong then is tried once more with one alone."),
    click.option("--store", type=click.Path(path_type=Path, file_okay=False), default=STORE, show_default=True,
        help="Where runs are kept, histories and all."),
    click.option("--no-store", is_flag=True, help="Keep nothing."),
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True),
)  # fmt: skip

# Failures that are known, alike for every command that compares a run with them.
BASELINE = several(
    click.option("--baseline", default="", metavar="FILE", help="Known failures, each with a reason (docs/ci.md): they "
        "do not fail the run, and an entry that is kept again does."),
    click.option("--write-baseline", default="", metavar="FILE", help="Write a new baseline of this run's failures, "
        "for you to give each its reason."),
)  # fmt: skip

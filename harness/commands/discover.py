"""`streamspec discover`: which methods stream, in a source tree or on a gRPC server. Words in, text out.

Never here: how they are found (`survey`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from streamspec.harness.commands._deliver import errors, pipe, write
from streamspec.harness.core.errors import NoVerdict, UsageError
from streamspec.harness.core.run import EXIT_NO_VERDICT, EXIT_NOTHING_RAN, SIGNAL_EXITS

if TYPE_CHECKING:
    from streamspec.harness.survey.found import Survey

EXITS: Final = """
\b
Exit codes:
  2  usage or configuration      4  our error
  3  the server cannot be reached, or says nothing of its services
  5  nothing that streams was found
  130  a signal ended it         0  there is something
"""


@click.command(epilog=EXITS)
@click.argument("source", metavar="PATH|URL")
@click.option("--all", "unary", is_flag=True, help="Unary methods too.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every place and call.")
@click.option("--write", "target", default="", metavar="FILE",
    help="Write a target file for `streamspec run --config`, in which you say what its methods do.")  # fmt: skip
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Metadata for reflection.")
@click.option("--cacert", default="", metavar="FILE", help="Certificates to trust (PEM).")
@click.option("--timeout", "timeout_s", default=10.0, show_default=True, type=click.FloatRange(0.1, 600),
    metavar="SECONDS", help="How long a server may take to tell all of it.")  # fmt: skip
def discover(source: str, **options: Any) -> None:
    """List the streaming methods of the .proto and .go files at PATH, or of the gRPC server at URL (grpc://host:port,
    host:port), which is asked by server reflection."""
    with errors():
        try:
            found, url = _survey(source, options)
        except NoVerdict as error:
            click.echo(f"streamspec: {error}", err=True)
            sys.exit(EXIT_NO_VERDICT)
        except KeyboardInterrupt:
            sys.exit(SIGNAL_EXITS["SIGINT"])
        from streamspec.harness.survey import showing

        refused = _written(found, url, options) if options["target"] else None
        shown = showing.document if options["as_json"] else showing.table
        with pipe():
            write(sys.stdout, shown(found, unary=options["unary"]))
        if not (showing.chosen_of(found, unary=options["unary"]) or found.uses):
            if refused:
                click.echo(f"streamspec: {refused}", err=True)
            sys.exit(EXIT_NOTHING_RAN)
        if refused:
            raise refused


def _survey(source: str, options: dict[str, Any]) -> tuple[Survey, str]:
    """What was found, and the URL of the server that told it, empty for sources. Raises `UsageError`, `NoVerdict`."""
    path = Path(source)
    of_servers = [name for name in ("headers", "cacert") if options[name]]
    target = Path(options["target"]) if options["target"] else None
    if target and _is_there(target) and not options["force"]:
        raise UsageError(f"--write {target}: it is there already; --force writes over it")
    if "://" not in source and (_is_there(path) or ":" not in source):
        from streamspec.harness.survey import tree

        if of_servers:
            raise UsageError(f"{'-H' if options['headers'] else '--cacert'}: no server is asked about a path")
        return tree.survey_of(path), ""
    from dataclasses import replace

    from streamspec.harness import config
    from streamspec.harness.survey import reflection

    server = replace(
        reflection.server_at(source),
        headers=config.headers(options["headers"]),
        cacert=Path(options["cacert"]) if options["cacert"] else None,
        timeout_s=options["timeout_s"],
    )
    if server.cacert and not server.secure:
        raise UsageError(f"--cacert: {server.url} is asked without TLS; with it, it is grpcs://")
    return reflection.survey_of(server), server.url


def _is_there(path: Path) -> bool:
    """Not what can be no path, and not what we may not look at: whoever opens it says why."""
    try:
        return path.exists()
    except OSError:
        return False


def _written(found: Survey, url: str, options: dict[str, Any]) -> UsageError | None:
    """Why no target file could be written, and what was found is worth to be shown all the same. Raises `UsageError`
    where it is the place that is wrong, also if a file came to be there meanwhile."""
    from streamspec.harness.survey import target_words

    try:
        text = target_words.text(found, url)
    except UsageError as nothing:
        return nothing
    target = options["target"]
    try:
        with Path(target).open("w" if options["force"] else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"--write {target}: {error.strerror}") from error
    return None

"""The command line: the group of all commands. What each one says and does is `commands/`."""

from __future__ import annotations

import click

import streamspec
from streamspec.harness.commands._options import EXIT_CODES
from streamspec.harness.discovery import constants


class _Commands(click.Group):
    """Those of the folder, found by type when one is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's shape
        return sorted(self._found())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- likewise
        return self._found().get(cmd_name)

    def _found(self) -> dict[str, click.Command]:
        found = constants("streamspec.harness.commands", click.Command)
        return {command.name: command for command in found if command.name}


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(streamspec.__version__, "-V", "--version", prog_name="streamspec")
def main() -> None:
    """h2spec for streams: point it at anything that streams and read, rule by numbered rule and with evidence,
    whether it keeps the streaming contract."""


if __name__ == "__main__":
    main()

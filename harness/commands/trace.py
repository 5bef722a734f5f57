"""`streamspec trace`: every rule, its source and its scenarios. Text out."""

from __future__ import annotations

import sys

import click

from streamspec.harness.commands._deliver import errors


@click.command()
def trace() -> None:
    """List every rule with its source and the scenarios that promise it; exit 1 where one has none."""
    with errors():
        from streamspec.harness.catalogue import traced
        from streamspec.harness.discovery import all_rules, all_scenarios

        text, gaps = traced(all_rules(), all_scenarios())
        click.echo(text, nl=False)
    for gap in gaps:
        click.echo(f"streamspec: {gap}", err=True)
    sys.exit(1 if gaps else 0)

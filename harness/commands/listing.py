"""`streamspec list`: the rules. Text out."""

from __future__ import annotations

import click

from streamspec.harness.commands._deliver import errors


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(as_json: bool) -> None:  # noqa: FBT001 -- click
    """List the rules: id, level, sentence, needs; as JSON also how many cases and pairs of rule and case there are."""
    with errors():
        from streamspec.harness.catalogue import catalogue_json, catalogue_text

        click.echo(catalogue_json() if as_json else catalogue_text(), nl=False)

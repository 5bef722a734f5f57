"""`streamspec explain`: one rule in full. Text out."""

from __future__ import annotations

import click

from streamspec.harness.commands._deliver import errors


@click.command()
@click.argument("rule")
def explain(rule: str) -> None:
    """Tell one rule in full: sentence, source, needs, why it matters, a good and a bad history."""
    with errors():
        from streamspec.harness.catalogue import rule_text

        click.echo(rule_text(rule), nl=False)

"""`streamspec catalogue`: the page of the rules. Text out."""

from __future__ import annotations

import asyncio
import sys

import click

from streamspec.harness.commands._deliver import errors, pipe, write
from streamspec.harness.core.ports import Transport


@click.command()
def catalogue() -> None:
    """Print the page of the rules (docs/rules.md), with the variants that the embedded reference lists."""
    with errors():
        from streamspec.harness.discovery import all_rules, all_scenarios, constants
        from streamspec.harness.engine.broken_list import broken_list
        from streamspec.harness.rules_page import page

        http = next(t for t in constants("streamspec.harness.transports", Transport) if "http" in t.schemes)
        text = page(all_rules(), all_scenarios(), asyncio.run(broken_list(http)))
        with pipe():
            write(sys.stdout, text)

"""`streamspec judge`: judge what is stored, without traffic. Words in, a report and an exit code out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from streamspec.harness.commands._deliver import deliver, errors, outputs_of
from streamspec.harness.commands._options import BASELINE
from streamspec.harness.core.run import exit_code


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--rule", "rules", multiple=True, metavar="ID", help="Only this rule or family; repeatable.")
@click.option("-o", "--output", "outputs", multiple=True, metavar="FORMAT=PATH", help="As with run.")
@click.option("--strict", is_flag=True, help="As with run.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True)
@BASELINE
def judge(path: Path, rules: tuple[str, ...], strict: bool, **options: Any) -> None:  # noqa: FBT001 -- click
    """Judge a stored run (its directory) or one history (its file) again, without any traffic."""
    with errors():
        from streamspec.harness import baseline_file
        from streamspec.harness.rejudge import rejudge

        chosen = outputs_of(options["outputs"])
        named = Path(options["baseline"]) if options["baseline"] else None
        compared = baseline_file.comparison(named, options["write_baseline"])
        made = compared(rejudge(path, rules, strict=strict))
        deliver(made, chosen, options["color"])
    sys.exit(exit_code(made))

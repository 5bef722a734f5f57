"""`streamspec serve`: the reference and its broken variants. Never here: what they do."""

from __future__ import annotations

import asyncio
import signal

import click

from streamspec.harness.commands._deliver import errors


@click.command()
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
def serve(port: int) -> None:
    """Serve the reference and its broken variants on 127.0.0.1 until Ctrl-C."""
    with errors():
        asyncio.run(_serve(port))


async def _serve(port: int) -> None:
    from streamspec.harness.engine.embedded import reference

    async with reference(port) as url:
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):  # ours even where a parent made SIGINT ignored
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        click.echo(f"listening on {url}/\nits broken variants are listed at {url}/broken/  (Ctrl-C ends)")
        await ended.wait()

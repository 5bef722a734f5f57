"""A signal is aborted once, and whoever waits for it learns of it."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from streamspec.reference_impl.services.framework.context import Context, Signal


def test_a_signal_is_aborted_once_and_keeps_its_reason() -> None:
    async def story() -> None:
        signal = Signal()
        assert (signal.aborted, signal.reason) == (False, None)
        waiting = asyncio.create_task(signal.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        signal.abort("Client disconnected")
        signal.abort("later")
        assert (signal.aborted, signal.reason) == (True, "Client disconnected")
        await waiting
        await signal.wait()

    asyncio.run(asyncio.wait_for(story(), 10))


def test_a_context_is_not_changed_and_shares_no_signal() -> None:
    context, other = Context("a"), Context("b")
    assert (context.id, context.metadata, context.deadline_s) == ("a", {}, None)
    context.signal.abort("only this one")
    assert not other.signal.aborted
    with pytest.raises(dataclasses.FrozenInstanceError):
        context.id = "c"  # type: ignore[misc]

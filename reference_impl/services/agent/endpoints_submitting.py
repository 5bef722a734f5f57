"""From a task to an agent, whose calls may take as long as its model's counting: each is made in a thread.

Never here: a body, an answer, a status.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from streamspec.reference_impl.stream import errors
from streamspec.reference_impl.stream.errors import StreamError

if TYPE_CHECKING:
    from streamspec.reference_impl.services.agent.ports import Agent, GenerationRequest, StreamChunk
    from streamspec.reference_impl.stream.threads import Stream

_log = logging.getLogger("streamspec.reference")


@dataclass(frozen=True, slots=True)
class Submitted:
    """A request that is the agent's now."""

    source: Stream[StreamChunk]
    prompt_tokens: int


async def submitted(agent: Agent, request: GenerationRequest) -> Submitted:
    """Raises what the agent refuses it with, and INTERNAL for whatever its model raises. A task that is called away
    leaves nothing at work."""
    submitting = asyncio.get_running_loop().run_in_executor(None, partial(_submit, agent, request))
    try:
        came = await asyncio.shield(submitting)
    except asyncio.CancelledError:
        submitting.add_done_callback(_give_up)
        raise
    if isinstance(came, StreamError):
        raise came
    return came


def _submit(agent: Agent, request: GenerationRequest) -> Submitted | StreamError:
    """In a thread. What is raised is returned: not all of it could be raised through a future."""
    try:
        prompt_tokens = agent.count(request.prompt)
        counted = replace(request, prompt_tokens=prompt_tokens)
        return Submitted(agent.generate_stream(counted), prompt_tokens)
    except BaseException as raised:  # noqa: BLE001 -- a model may raise anything, and others are served here
        if not isinstance(raised, StreamError):
            _log.info("a model failed", exc_info=raised)
        return errors.shown(raised)


def _give_up(submitting: asyncio.Future[Submitted | StreamError]) -> None:
    if submitting.cancelled():
        return
    came = submitting.result()
    if isinstance(came, Submitted):
        came.source.cancel()

"""The words of a failure, taken for what the stream says.

Never here: a second defect.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import unquote

from streamspec.reference_impl import envelopes, grpc_text
from streamspec.reference_impl.envelopes import Envelope
from streamspec.reference_impl.grpc_parts import Data, Head, Part, Relay, Retell, message
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Iterator


def _records(words: str) -> Iterator[str]:
    for line in words.splitlines():
        try:
            if isinstance(json.loads(line), dict):
                yield line
        except ValueError:
            pass


def _retell() -> Retell:
    answered = False

    def retell(part: Part) -> tuple[Part, ...]:
        nonlocal answered
        ahead = isinstance(part, Head) and answered
        answered = True  # the first part is the head
        words = unquote(dict(part.fields).get("grpc-message", "")) if ahead and isinstance(part, Head) else ""
        return (*(Data(message(grpc_text.encoded(line))) for line in _records(words)), part)

    return retell


def _envelope(envelope: Envelope) -> tuple[envelopes.Message, ...]:
    words = envelope.message if envelope.type == "stream:error" and not envelope.refused else ""
    items = (Envelope(envelope.id, "stream:data", line) for line in _records(words))
    return tuple(piece for said in (*items, envelope) for piece in envelopes.written(said))


VARIANT = Variant(
    name="reads-a-failure-by-lines",
    sentence="What is JSON on a line of its own, in the words with which a stream fails, is sent as an item.",
    where="app",
    on=("grpc", "ws", "tcp"),
    kills="ER-06",
    because=("the words of the failure inside its error", '{"injected":1}'),
    seams=Seams(envelope=_envelope, relay=Relay(_retell)),
)

"""A script of which only what is known is played.

Never here: a second defect.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from streamspec.reference_impl.grpc_parts import Relay, of_wishes
from streamspec.reference_impl.routing import PAGES, SCRIPT
from streamspec.reference_impl.script import STEPS
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.seams import Asgi, Message, Receive, Send


def _known(script: dict[str, Any]) -> dict[str, Any]:
    """The script without steps that nobody knows. Raises `LookupError` or `TypeError` for what is none."""
    return script | {"steps": [step for step in script["steps"] if step["do"] in STEPS]}


def _asked(query: bytes) -> bytes:
    """The same query with what is known of its script; as it is where that is all of it."""
    given = {name: values[0] for name, values in parse_qs(query.decode("latin-1")).items()}
    try:
        script = json.loads(given["script"])
        known = _known(script)
    except (LookupError, TypeError, ValueError):
        return query
    return query if known == script else urlencode(given | {"script": json.dumps(known)}).encode()


def _said(text: str, _arrivals: int) -> str:
    """The same of a message that asks for a stream."""
    try:
        wish = json.loads(text)
        known = wish | {"script": _known(wish["script"])}
    except (LookupError, TypeError, ValueError):
        return text
    return text if known == wish else json.dumps(known, separators=(",", ":"))


def _around(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        played = str(scope["path"]).startswith(SCRIPT) and scope["path"] not in PAGES
        await app({**scope, "query_string": _asked(scope["query_string"])} if played else scope, receive, send)

    return mount


VARIANT = Variant(
    name="passes-over-steps",
    sentence="Steps of a script that nobody knows are passed over, and the others are played.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="SC-02",
    because=("answered 200", "with an item"),
    because_over=dict.fromkeys(("ws", "tcp"), ("refused with UNIMPLEMENTED", "with an item")),
    seams=Seams(around=_around, wish=_said, relay=Relay(hear=of_wishes(_said))),
)

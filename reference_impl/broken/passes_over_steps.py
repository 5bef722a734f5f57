"""A script of which only what is known is played.

Never here: a second defect.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from streamspec.reference_impl.routing import PAGES, SCRIPT
from streamspec.reference_impl.script import STEPS
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.seams import Asgi, Message, Receive, Send


def _known(query: bytes) -> bytes:
    """The same query, its script without steps that nobody knows; as it is where there is none such."""
    given = {name: values[0] for name, values in parse_qs(query.decode("latin-1")).items()}
    try:
        script = json.loads(given["script"])
        known = [step for step in script["steps"] if step["do"] in STEPS]
    except (LookupError, TypeError, ValueError):
        return query
    if len(known) == len(script["steps"]):
        return query
    return urlencode(given | {"script": json.dumps(script | {"steps": known})}).encode()


def _around(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        played = str(scope["path"]).startswith(SCRIPT) and scope["path"] not in PAGES
        await app({**scope, "query_string": _known(scope["query_string"])} if played else scope, receive, send)

    return mount


VARIANT = Variant(
    name="passes-over-steps",
    sentence="Steps of a script that nobody knows are passed over, and the others are played.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="SC-02",
    because=("answered 200", "with an item"),
    seams=Seams(around=_around),
)

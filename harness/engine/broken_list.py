"""Which broken variants there are, as the reference tells: a list that it serves under `/broken/`.

It is asked like any server; nothing of it is imported. Never here: what a variant does, or whether its rule kills it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.errors import InternalError
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS
from streamspec.harness.core.ports import Body, Request
from streamspec.harness.engine.embedded import reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.ports import Transport

PATH: Final = "/broken/"
_ANSWER_S: Final = 10.0
_BYTES_MAX: Final = 1_048_576

Variant = tuple[str, str]  # its name, and what it does wrong


async def broken_list(transport: Transport) -> Mapping[str, tuple[Variant, ...]]:
    """The variants by the rule that kills each, in the order of the list. Raises `InternalError` where the reference
    does not tell."""
    async with reference() as url:
        try:
            async with asyncio.timeout(_ANSWER_S):
                text = await _body(Request(f"{url}{PATH}"), transport)
        except TimeoutError as error:
            raise InternalError("the reference did not list its variants in time") from error
    found = variants(text)
    if not found:
        raise InternalError("the reference lists no variants")
    return found


def variants(text: str) -> Mapping[str, tuple[Variant, ...]]:
    """The served list, one a line: `/broken/NAME/  RULE  what it does wrong`. What is no such line is left out."""
    found: dict[str, tuple[Variant, ...]] = {}
    for line in text.splitlines():
        path, _, rest = line.partition("  ")
        rule, _, sentence = rest.partition("  ")
        if path.startswith(PATH) and sentence:
            found[rule] = (*found.get(rule, ()), (path.removeprefix(PATH).strip("/"), sentence))
    return found


async def _body(request: Request, transport: Transport) -> str:
    exchange = await transport.open(request, LIMITS, BUDGETS_MS["connect_ms"])
    octets = b""
    try:
        while (events := await exchange.receive()) and len(octets) < _BYTES_MAX:
            octets += b"".join(event.data for event in events if isinstance(event, Body))
    finally:
        await exchange.close()
    return octets.decode("utf-8", "replace")

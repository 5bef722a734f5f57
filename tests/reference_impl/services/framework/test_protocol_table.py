"""The document's table of protocols, each cell on a real connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest
from framework_desk import ENDED, Desk, over_grpc, over_jsonrpc, over_sse, over_tcp, over_ws, served

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE: Final = """
| Protocol | Server Stream | Client Stream | Bidi Stream |
|----------|---------------|---------------|-------------|
| HTTP (SSE) | ✅ | ❌ | ❌ |
| WebSocket | ✅ | ✅ | ✅ |
| TCP | ✅ | ✅ | ✅ |
| gRPC | ✅ | ✅ | ✅ |
| JSON-RPC | ❌ | ❌ | ❌ |
"""
CLIENTS: Final[dict[str, Callable[..., Any]]] = {
    "HTTP (SSE)": over_sse,
    "WebSocket": over_ws,
    "TCP": over_tcp,
    "gRPC": over_grpc,
    "JSON-RPC": over_jsonrpc,
}
REFUSED: Final = {"HTTP (SSE)": "501 UNIMPLEMENTED", "JSON-RPC": "error -32601"}
# What is asked for in each direction, what the client sends, and what comes.
ASKED: Final[dict[str, tuple[str, object, tuple[Any, ...], list[Any]]]] = {
    "Server Stream": ("desk.count", {"n": 2}, (), [{"n": 1}, {"n": 2}]),
    "Client Stream": ("desk.sum", None, (1, 2, 39), [{"sum": 42}]),
    "Bidi Stream": ("desk.echo", None, ("a", {"b": None}), ["a", {"b": None}]),
}


def _cells() -> list[tuple[str, str, bool]]:
    head, _, *rows = ([cell.strip() for cell in row.strip("|").split("|")] for row in TABLE.strip().splitlines())
    return [(row[0], column, mark == "✅") for row in rows for column, mark in zip(head[1:], row[1:], strict=True)]


@pytest.mark.parametrize(("protocol", "column", "works"), _cells())
def test_each_cell_is_as_the_table_says(protocol: str, column: str, works: bool) -> None:  # noqa: FBT001 -- a cell
    async def story() -> None:
        desk = Desk()
        name, payload, items, expected = ASKED[column]
        async with served(desk.service(), over_grpc=protocol == "gRPC") as ports:
            outcome = await CLIENTS[protocol](ports, name, payload, items)
        if works:
            assert outcome == (expected, ENDED)
        else:
            assert outcome == ([], REFUSED[protocol])
            assert not desk.called, "a handler began"

    asyncio.run(story())


def test_the_table_has_all_its_cells() -> None:
    assert len(_cells()) == 15
    assert sum(works for _, _, works in _cells()) == 10

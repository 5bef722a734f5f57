"""A real `toxiproxy-server` and our own proxy: the same verdicts, and the same API for whoever uses `toxiproxy-python`.

Needs STREAMSPEC_TOXIPROXY, the path of the program. Without it the lane fails: it was asked for.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any, Final

import pytest

from streamspec.harness.assembly import Settings
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import lines
from streamspec.harness.core.toxic import Toxic
from streamspec.harness.discovery import constants
from streamspec.harness.engine.proxies import Toxiproxy, embedded, given
from streamspec.harness.faulting import Faulting, run_faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.core.judge import Outcome

TOXICS: Final = {toxic.name: toxic for toxic in constants("streamspec.harness.toxics", Toxic)}
OURS_ALONE: Final = {"CN-21"}  # its scenario cuts one connection of two at an exact octet
CALLS: Final[tuple[tuple[str, Callable[[Any, Any], Any]], ...]] = (
    ("the names of all proxies", lambda client, _: sorted(client.proxies())),
    ("a proxy", lambda client, _: _shown(client.get_proxy("p"))),
    ("nobody's proxy", lambda client, _: client.get_proxy("nobody")),
    ("created twice", lambda client, _: client.create("127.0.0.1:9", "p")),
    ("a toxic", lambda _, proxy: proxy.add_toxic(type="latency", attributes={"latency": 5})),
    ("the same again", lambda _, proxy: proxy.add_toxic(type="latency", attributes={"latency": 5})),
    (
        "one upstream",
        lambda _, proxy: proxy.add_toxic(type="slicer", stream="upstream", attributes={"average_size": 9}),
    ),
    ("with a toxicity", lambda _, proxy: proxy.add_toxic(type="timeout", name="t", toxicity=0.5)),
    ("all of them", lambda _, proxy: _toxics(proxy)),
    ("no such type", lambda _, proxy: proxy.add_toxic(type="rain")),
    ("no such stream", lambda _, proxy: proxy.add_toxic(type="latency", name="x", stream="sideways")),
    (
        "an attribute that is no number",
        lambda _, proxy: proxy.add_toxic(type="latency", name="x", attributes={"latency": "5"}),
    ),
    ("a float", lambda _, proxy: proxy.add_toxic(type="latency", name="x", attributes={"latency": 1.5})),
    ("an unknown attribute", lambda _, proxy: proxy.add_toxic(type="noop", name="n", attributes={"more": 1})),
    ("one less", lambda _, proxy: proxy.destroy_toxic("t")),
    ("once more", lambda _, proxy: proxy.destroy_toxic("t")),
    ("the others", lambda _, proxy: _toxics(proxy)),
    ("down", lambda client, proxy: (proxy.disable(), _shown(client.get_proxy("p")))),
    ("up", lambda client, proxy: (proxy.enable(), _shown(client.get_proxy("p")))),
    ("a port that is taken", lambda client, proxy: client.create("127.0.0.1:9", "q", proxy.listen)),
    ("reset", lambda client, proxy: (client.reset(), _toxics(proxy))),
    ("populate", lambda client, _: [p.name for p in client.populate([_new("q"), _new("r")])]),
    ("running", lambda client, _: client.running()),
    ("a version", lambda client, _: list(json.loads(client.version()))),
    ("gone", lambda client, proxy: (proxy.destroy(), sorted(client.proxies()))),
    ("all gone", lambda client, _: (client.destroy_all(), client.proxies())),
)


def _new(name: str) -> dict[str, Any]:
    return {"name": name, "upstream": "127.0.0.1:9"}


def _shown(proxy: Any) -> tuple[str, str, bool]:
    return proxy.name, proxy.upstream, proxy.enabled


def _toxics(proxy: Any) -> list[Any]:
    return [(t.name, t.type, t.stream, t.toxicity, t.attributes) for t in proxy.toxics().values()]


@pytest.fixture(scope="module")
def program() -> str:
    return os.environ["STREAMSPEC_TOXIPROXY"]


def outcomes(toxiproxy: str, binding: str) -> dict[str, Outcome]:
    settings = Settings(look=Request(""), binding=binding)
    run = asyncio.run(run_faults(settings, Faulting(toxiproxy=toxiproxy), lambda *_: None))
    assert run.problem == ""
    return {line.rule.id: line.outcome for line in lines(run) if line.rule.id not in OURS_ALONE}


@pytest.mark.parametrize("binding", ["sse", "ndjson"])
def test_both_proxies_lead_to_the_same_verdicts(program: str, binding: str) -> None:
    assert outcomes(program, binding) == outcomes("", binding)


def answered(call: Callable[[Any, Any], Any], client: Any, proxy: Any) -> Any:
    """What it gave, or what it raised; of the words only those that both have."""
    try:
        return call(client, proxy)
    except Exception as error:  # noqa: BLE001 -- whatever the client makes of the answer is what is compared
        words = error.args[0] if error.args else ""
        said = json.loads(words) if isinstance(words, bytes) else {"error": str(words)}
        return type(error).__name__, said["error"].partition("bad request body")[1] or said["error"], said.get("status")


def conversation(toxiproxy: Toxiproxy) -> list[tuple[str, Any]]:
    client = toxiproxy._client
    proxy = client.create("127.0.0.1:9", "p")
    return [(name, answered(call, client, proxy)) for name, call in CALLS]


def test_both_answer_every_call_of_the_client_alike(program: str) -> None:
    async def ours() -> list[tuple[str, Any]]:
        async with embedded(TOXICS, 0, "test") as toxiproxy:
            return await asyncio.to_thread(conversation, toxiproxy)

    async def theirs() -> list[tuple[str, Any]]:
        async with given(program) as toxiproxy:
            return await asyncio.to_thread(conversation, toxiproxy)

    assert asyncio.run(ours()) == asyncio.run(theirs())

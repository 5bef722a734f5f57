"""The API of our fault proxy, as `toxiproxy-python` uses it, and by hand where that client looks away."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from fault_proxy import LONGEST_S, Led, led, watching
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from streamspec.harness.engine import faultproxy_api

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def run(work: Callable[[Led], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with led(watching) as proxied, asyncio.timeout(LONGEST_S):
            return await work(proxied)

    return asyncio.run(main())


async def raw(proxied: Led, method: str, path: str, body: bytes = b"", *more: str) -> tuple[int, str, bytes]:
    """One request by hand: its status, its Content-Type, its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxied.api_port)
    head = (f"{method} {path} HTTP/1.1", "Host: api", f"Content-Length: {len(body)}", *more, "", "")
    writer.write("\r\n".join(head).encode() + body)
    answer = await reader.read()
    writer.close()
    top, _, rest = answer.partition(b"\r\n\r\n")
    lines = top.decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split(" ")[1]), fields.get("Content-Type", ""), rest


def test_the_client_of_toxiproxy_finds_what_it_expects() -> None:
    async def work(proxied: Led) -> None:
        client, call = proxied.client, proxied.call
        assert await call(client.running)
        assert json.loads(await call(client.version)) == {"version": "streamspec test"}
        assert (proxied.proxy.name, proxied.proxy.enabled) == ("led", True)
        await call(proxied.proxy.add_toxic, type="latency", attributes={"latency": 5}, toxicity=0.5)
        await call(proxied.proxy.add_toxic, type="slicer", stream="upstream", name="s", attributes={"average_size": 5})
        toxics = await call(proxied.proxy.toxics)
        assert {name: (t.type, t.stream, t.toxicity, t.attributes) for name, t in toxics.items()} == {
            "s": ("slicer", "upstream", 1.0, {"average_size": 5, "size_variation": 0, "delay": 0}),
            "latency_downstream": ("latency", "downstream", 0.5, {"latency": 5, "jitter": 0}),
        }
        assert list(toxics) == ["s", "latency_downstream"]  # all upstream ones come first
        await call(client.reset)
        assert await call(proxied.proxy.toxics) == {}
        again = await call(client.get_proxy, "led")
        assert (again.upstream, again.listen) == (proxied.proxy.upstream, proxied.proxy.listen)
        await call(proxied.proxy.disable)
        assert not (await call(client.get_proxy, "led")).enabled
        await call(client.reset)
        assert (await call(client.get_proxy, "led")).enabled
        await call(client.destroy_all)
        assert await call(client.proxies) == {}

    run(work)


def test_the_client_raises_what_it_raises_of_toxiproxy() -> None:
    async def work(proxied: Led) -> None:
        call, proxy = proxied.call, proxied.proxy
        with pytest.raises(ProxyExists):
            await call(proxied.client.create, "127.0.0.1:1", "led")
        await proxied.add("latency", latency=1)
        with pytest.raises(ProxyExists, match="toxic already exists"):
            await proxied.add("latency", latency=1)
        with pytest.raises(InvalidToxic, match="invalid toxic type"):
            await proxied.add("no-such-toxic")
        with pytest.raises(InvalidToxic, match="stream was invalid"):
            await proxied.add("latency", "sideways")
        with pytest.raises(InvalidToxic, match="average_size must be 1 to"):
            await proxied.add("slicer")
        with pytest.raises(NotFound, match="toxic not found"):
            await call(proxy.destroy_toxic, "nothing")
        with pytest.raises(KeyError):  # a 500, which it does not look at
            await call(proxied.client.create, "127.0.0.1:1", "taken", proxy.listen)
        await call(proxy.destroy)
        with pytest.raises(NotFound, match="proxy not found"):
            await call(proxy.destroy)

    run(work)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "bad request body: EOF"),
        (b"[1", 400, "bad request body"),
        (b"7", 400, "an object is needed"),
        (b'{"upstream":"127.0.0.1:1"}', 400, "missing required field: name"),
        (b'{"name":"x"}', 400, "missing required field: upstream"),
        (b'{"name":7,"upstream":"127.0.0.1:1"}', 400, "name must be a string"),
        (b'{"name":"x","upstream":"nowhere"}', 400, "write host:port"),
        (b'{"name":"x","upstream":"127.0.0.1:1","enabled":1}', 400, "enabled must be true or false"),
        (b'{"name":"x","upstream":"127.0.0.1:1","listen":"0.0.0.0:0"}', 400, "only addresses of this machine"),
        (b'{"NAME":"x","Upstream":"127.0.0.1:1","listen":null,"more":{}} and more', 201, ""),
    ],
)
def test_what_is_said_of_a_proxy_is_read_as_toxiproxy_reads_it(body: bytes, status: int, words: str) -> None:
    async def work(proxied: Led) -> None:
        got, kind, answer = await raw(proxied, "POST", "/proxies", body)
        assert got == status
        if status == 201:
            assert kind == "application/json"
            made = json.loads(answer)
            assert made | {"listen": ""} == {
                "name": "x", "listen": "", "upstream": "127.0.0.1:1", "enabled": True, "Logger": {}, "toxics": [],
            }  # fmt: skip
        else:
            assert kind == "text/plain; charset=utf-8"
            assert json.loads(answer)["status"] == status
            assert words in json.loads(answer)["error"]

    run(work)


def test_a_toxic_is_changed_where_it_is_said_and_only_there() -> None:
    async def work(proxied: Led) -> None:
        await proxied.add("latency", latency=5, jitter=2)
        place = "/proxies/led/toxics/latency_downstream"
        for method in ("POST", "PATCH"):
            status, _, answer = await raw(proxied, method, place, b'{"attributes":{"latency":9},"type":"slicer"}')
            assert (status, json.loads(answer)["attributes"]) == (200, {"latency": 9, "jitter": 2})
        status, _, answer = await raw(proxied, "PATCH", place, b'{"attributes":{"latency":1.5}}')
        assert (status, json.loads(answer)["error"]) == (
            400,
            "bad request body: attributes.latency must be a whole number",
        )
        status, _, answer = await raw(proxied, "PATCH", place, b'{"toxicity":2}')
        assert status == 400
        assert (await raw(proxied, "GET", place))[0] == 200
        assert await raw(proxied, "DELETE", place) == (204, "", b"")

    run(work)


def test_a_proxy_is_moved_and_populated() -> None:
    async def work(proxied: Led) -> None:
        status, _, answer = await raw(proxied, "PATCH", "/proxies/led", b'{"upstream":"127.0.0.1:1","name":"other"}')
        assert (status, json.loads(answer)["upstream"], json.loads(answer)["name"]) == (200, "127.0.0.1:1", "led")
        stays = f'{{"name":"led","upstream":"127.0.0.1:1","listen":"{proxied.ours.listen}"}}'
        body = f'[{stays},{{"name":"new","upstream":"127.0.0.1:2"}}]'.encode()
        status, _, answer = await raw(proxied, "POST", "/populate", body)
        assert status == 201
        assert [proxy["name"] for proxy in json.loads(answer)["proxies"]] == ["led", "new"]
        assert await raw(proxied, "POST", "/populate", b"[]") == (201, "application/json", b'{"proxies":null}\n')
        status, _, answer = await raw(proxied, "POST", "/populate", b'[{"name":"x"}]')
        assert (status, json.loads(answer)["error"]) == (400, "missing required field: upstream at proxy 1")

    run(work)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/proxies/nobody", 404),
        ("PUT", "/proxies", 405),
        ("GET", "/reset", 405),
        ("PUT", "/proxies/led", 405),
        ("PUT", "/proxies/led/toxics", 405),
    ],
)
def test_what_there_is_not(method: str, path: str, status: int) -> None:
    async def work(proxied: Led) -> None:
        assert (await raw(proxied, method, path))[0] == status

    run(work)


def test_a_page_in_a_browser_controls_nothing() -> None:
    async def work(proxied: Led) -> None:
        status, _, answer = await raw(proxied, "POST", "/reset", b"", "User-Agent: Mozilla/5.0 (X11)")
        assert status == 403
        assert b"User agent not allowed" in answer

    run(work)


def test_a_body_without_a_bound_is_not_read() -> None:
    async def work(proxied: Led) -> None:
        size = faultproxy_api.BODY_BYTES_MAX + 1
        assert (await raw(proxied, "POST", "/proxies", bytes(size)))[0] == 413
        assert (await raw(proxied, "POST", "/proxies", b"", "Transfer-Encoding: chunked"))[0] == 413

    run(work)


def test_there_are_no_more_proxies_and_toxics_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faultproxy_api, "PROXIES_MAX", 1)
    monkeypatch.setattr(faultproxy_api, "TOXICS_MAX", 1)

    async def work(proxied: Led) -> None:
        assert (await raw(proxied, "POST", "/proxies", b'{"name":"x","upstream":"127.0.0.1:1"}'))[0] == 400
        await proxied.add("latency", latency=1)
        with pytest.raises(InvalidToxic, match="at most 1 toxics"):
            await proxied.add("noop")

    run(work)

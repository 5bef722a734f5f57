"""The proxies that lead to a target: our own, or those of a Toxiproxy that was given. Both through `toxiproxy-python`.

The one place that knows that client: it keeps its server's address in a class, blocks, and speaks to one server at a
time. Never here: what a toxic does, or whose end an end is (`way`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from streamspec.harness.core.errors import NoVerdict, UsageError
from streamspec.harness.engine.faultproxy import HOST, Proxies, Tally
from streamspec.harness.engine.faultproxy_api import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from streamspec.harness.core.toxic import Toxic, Values

CALL_S: Final = 30.0  # one call of the API; Toxiproxy itself gives up after 25 s
READY_S: Final = 10.0  # from the start of a Toxiproxy of ours until it answers
READY_EVERY_S: Final = 0.05
END_S: Final = 5.0
PORT_DEFAULT: Final = 8474
_NO_PROXY: Final = ("NO_PROXY", "no_proxy")


@dataclass(slots=True)
class Toxiproxy:
    """One API, and the proxies that we have made there. `tally` is what ours tells of them; None for another's."""

    host: str
    tally: Callable[[], Tally] | None
    _client: Any
    _made: dict[tuple[str, int], Any] = field(default_factory=dict)
    _toxics: list[str] = field(default_factory=list)
    _is_down: bool = False
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def lead(self, host: str, port: int) -> None:
        """Make a proxy that leads there, unless there is one."""
        if (host, port) in self._made:
            return
        name = f"streamspec-{secrets.token_hex(4)}"
        listen = f"{HOST}:0" if _is_here(self.host) else "0.0.0.0:0"
        shown = f"[{host}]" if ":" in host else host
        self._made[host, port] = await self._call(self._client.create, f"{shown}:{port}", name, listen)

    def where(self, host: str, port: int) -> tuple[str, int]:
        """Where a connection to this target is led; where no proxy was made it goes there itself."""
        made = self._made.get((host, port))
        return (self.host, int(made.listen.rpartition(":")[2])) if made else (host, port)

    async def add(self, toxic: str, stream: str, values: Values) -> None:
        name = f"{toxic}-{stream}-{len(self._toxics)}"
        self._toxics.append(name)
        for proxy in self._made.values():
            await self._call(proxy.add_toxic, type=toxic, stream=stream, name=name, attributes=dict(values))

    async def down(self) -> None:
        self._is_down = True
        for proxy in self._made.values():
            await self._call(proxy.disable)

    async def heal(self) -> None:
        """Take away what was put on the way. Toxiproxy may wait for 25 s when it takes a toxic from a connection that
        is just ending, and each time from then on: there the way itself is made anew."""
        toxics, self._toxics = self._toxics, []
        if self.tally is None and toxics:
            self._is_down = False
            for (host, port), proxy in tuple(self._made.items()):
                await self._call(proxy.destroy)
                del self._made[host, port]
                await self.lead(host, port)
            return
        for proxy in self._made.values():
            for name in toxics:
                await self._call(proxy.destroy_toxic, name)
            if self._is_down:
                await self._call(proxy.enable)
        self._is_down = False

    async def close(self) -> None:
        """Take our proxies away. Never raises: the API may be gone."""
        for proxy in self._made.values():
            with contextlib.suppress(NoVerdict):
                await self._call(proxy.destroy)

    async def _call(self, what: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """One call, in a thread. The client looks at few of the answers: what it makes of the others are errors of any
        kind."""
        try:
            async with self._turn, asyncio.timeout(CALL_S):
                return await asyncio.to_thread(what, *given, **named)
        except Exception as error:
            words = str(error) or type(error).__name__
            raise NoVerdict(f"the fault proxy did not {what.__name__}: {words}") from error


@asynccontextmanager
async def embedded(toxics: Mapping[str, Toxic], seed: int, version: str) -> AsyncIterator[Toxiproxy]:
    """Our own proxy and its API, while the block runs."""
    proxies = Proxies(toxics, seed)

    def tally() -> Tally:
        found = [proxy.tally for proxy in proxies.by_name.values()]
        total = Tally(sum(one.connections for one in found), sum(one.octets for one in found))
        total.cut = sum(one.cut for one in found)
        total.cuts.extend(cut for one in found for cut in one.cuts)
        return total

    async with serving(proxies, version) as port:
        yield Toxiproxy(HOST, tally, _client(HOST, port))


@asynccontextmanager
async def given(word: str) -> AsyncIterator[Toxiproxy]:
    """The Toxiproxy at a URL, or one that is started from a binary and ended with the block. Raises `UsageError`."""
    if "://" not in word:
        async with _started(word) as port:
            yield Toxiproxy(HOST, None, _client(HOST, port))
        return
    try:
        parts = urlsplit(word)
        host, port = parts.hostname or "", parts.port or PORT_DEFAULT
    except ValueError:
        host, port = "", 0
    if parts.scheme != "http" or not host:
        raise UsageError(f"--toxiproxy {word}: write http://HOST:PORT, or the path of a toxiproxy-server")
    client = _client(host, port)
    if not await asyncio.to_thread(_answers, client):
        raise UsageError(f"--toxiproxy {word}: no Toxiproxy answers there")
    yield Toxiproxy(host, None, client)


@asynccontextmanager
async def _started(word: str) -> AsyncIterator[int]:
    from streamspec.harness.engine.free_port import free_port

    program, port = _program(word), free_port()
    quiet = asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(
        program,
        *("-host", HOST, "-port", str(port)),
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        start_new_session=True,  # Ctrl-C is ours to handle
    )
    try:
        client = _client(HOST, port)
        try:
            async with asyncio.timeout(READY_S):
                while child.returncode is None and not await asyncio.to_thread(_answers, client):  # noqa: ASYNC110 -- another process
                    await asyncio.sleep(READY_EVERY_S)
        except TimeoutError:
            pass
        else:
            if child.returncode is None:
                yield port
                return
        raise UsageError(f"--toxiproxy {word}: it did not begin to serve the API of Toxiproxy")
    finally:
        await _ended(child)


def _program(word: str) -> str:
    path = Path(word)
    if not path.is_file() or not os.access(path, os.X_OK):
        raise UsageError(f"--toxiproxy {word}: there is no such program")
    return str(path.resolve())


async def _ended(child: asyncio.subprocess.Process) -> None:
    for finish in (child.terminate, child.kill):
        if child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            finish()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await child.wait()


def _client(host: str, port: int) -> Any:
    """The client, told of its server. Raises `UsageError` when it is not installed."""
    try:
        import toxiproxy
    except ImportError as missing:
        raise UsageError("fault needs toxiproxy-python: pip install 'streamspec[faults]'") from missing
    # It asks through whatever proxy the environment names, which knows nothing of this machine.
    for name in _NO_PROXY if getproxies() else ():
        os.environ[name] = ",".join(dict.fromkeys((*filter(None, os.environ.get(name, "").split(",")), host)))
    client = toxiproxy.Toxiproxy()
    client.update_api_consumer(f"[{host}]" if ":" in host else host, port)
    return client


def _answers(client: Any) -> bool:
    try:
        return bool(client.version())
    except Exception:  # noqa: BLE001 -- whatever it is, nobody answers as a Toxiproxy does
        return False


def _is_here(host: str) -> bool:
    return host in {HOST, "localhost", "::1"}

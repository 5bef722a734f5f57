"""Our fault proxy: listeners on this machine, each leading to one upstream through toxics that come and go.

What it did it says: which connection was cut by which toxic, behind how many octets. Never here: its HTTP API
(`faultproxy_api`), what a toxic does, or a listener for anybody else's machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
import socket
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.toxic import Through, Toxic, Values
from streamspec.harness.engine.faultlink import Connection, Link, Stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.toxic import Flow

HOST: Final = "127.0.0.1"
PROXIES_MAX: Final = 64
TOXICS_MAX: Final = 32  # of one proxy
CONNECTIONS_MAX: Final = 1_024  # of one proxy: more are closed as soon as they come
CUTS_MAX: Final = 10_000  # that are remembered, the last ones
DIAL_S: Final = 5.0
BACKLOG: Final = 128
DOWN: Final = "down"  # the name of the cut that a stopped proxy makes
STREAMS: Final[tuple[Stream, ...]] = ("upstream", "downstream")


class NotLocalError(ValueError):
    """A listener that others than this machine could reach was asked for."""


@dataclass(frozen=True, slots=True)
class Dose:
    """A toxic on a proxy: under which name, in which direction, how likely for each connection, with which values."""

    name: str
    toxic: Toxic
    stream: Stream
    toxicity: float
    values: Values


@dataclass(frozen=True, slots=True)
class Cut:
    """A connection that we ended: by what, and how many octets its client and its server had been sent by then."""

    by: str
    down_octets: int
    up_octets: int


@dataclass(slots=True)
class Tally:
    """What went through a proxy, and what we cut. `octets` of both directions."""

    connections: int = 0
    octets: int = 0
    cut: int = 0
    cuts: deque[Cut] = field(default_factory=lambda: deque(maxlen=CUTS_MAX))


class Proxy:
    """One listener and its upstream. `start` raises `OSError` when its port is taken, or `NotLocalError`."""

    def __init__(self, name: str, listen: str, upstream: str, seed: int) -> None:
        self.name, self.listen, self.upstream = name, listen, upstream
        self.enabled = False
        self.tally = Tally()
        self.doses: list[Dose] = []
        self._seed = seed
        self._draws = 0
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._running: dict[asyncio.Task[None], Connection | None] = {}

    # -- its life ------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        if self.enabled:
            return
        host, port = local(self.listen)
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)  # noqa: FBT003 -- as the socket module wants it
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        self.listen = written(*listener.getsockname()[:2])
        self._accepting = asyncio.create_task(self._accept(listener))
        self.enabled = True

    async def stop(self) -> None:
        """Stop listening, and cut every connection."""
        self.enabled = False
        if self._accepting is not None and self._listener is not None:
            self._accepting.cancel()
            await asyncio.wait({self._accepting})
            self._listener.close()
        for task, connection in tuple(self._running.items()):
            if connection is not None:
                self._cut(connection, DOWN)
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError:  # it was gone before we took it, or there are no descriptors left for it
                await asyncio.sleep(0.01)
                continue
            if len(self._running) >= CONNECTIONS_MAX:
                client.close()
                continue
            task = asyncio.create_task(self._serve(client))
            self._running[task] = None
            task.add_done_callback(self._running.pop)

    async def _serve(self, client: socket.socket) -> None:
        with contextlib.closing(client):
            try:
                server = await dialled(self.upstream)
            except (OSError, TimeoutError):
                return
            with contextlib.closing(server):
                for sock in (client, server):
                    sock.setblocking(False)  # noqa: FBT003 -- as the socket module wants it
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = Connection(client, server, self._cut)
                self.tally.connections += 1
                for dose in self.doses:
                    link = connection.links[dose.stream]
                    link.lingers = link.lingers or dose.toxic.lingers
                    link.add(dose.name, dose.toxic, self._flow(dose, None))
                task = asyncio.current_task()
                assert task
                self._running[task] = connection
                try:
                    await connection.run()
                finally:
                    self.tally.octets += sum(link.octets for link in connection.links.values())

    def _cut(self, connection: Connection, by: str) -> None:
        dose = next((dose.toxic.name for dose in self.doses if dose.name == by), by)
        links = connection.links
        self.tally.cut += 1
        self.tally.cuts.append(Cut(dose, links["downstream"].octets, links["upstream"].octets))

    # -- its toxics ----------------------------------------------------------------------------------------------------

    def dose(self, name: str) -> Dose | None:
        return next((dose for dose in self.doses if dose.name == name), None)

    def add(self, dose: Dose) -> None:
        """At the end of its direction's chain, on open connections too. One before it works anew, as in Toxiproxy."""
        last = next((other for other in reversed(self.doses) if other.stream == dose.stream), None)
        for link in self._links(dose.stream):
            if last is not None:
                self._anew(link, last)
            link.add(dose.name, dose.toxic, self._flow(dose, None))
        self.doses.append(dose)

    def change(self, dose: Dose) -> None:
        """Other values for a toxic of this name, on open connections too."""
        self.doses = [dose if other.name == dose.name else other for other in self.doses]
        for link in self._links(dose.stream):
            self._anew(link, dose)

    def remove(self, name: str) -> None:
        dose = self.dose(name)
        if dose is None:
            return
        same = [other for other in self.doses if other.stream == dose.stream]
        before = same[same.index(dose) - 1] if same.index(dose) else None
        for link in self._links(dose.stream):
            if (stage := link.stage(name)) is not None:
                stage.remove(cut=dose.toxic.removal_cuts)
            if before is not None:
                self._anew(link, before)
        self.doses.remove(dose)

    def _anew(self, link: Link, dose: Dose) -> None:
        if (stage := link.stage(dose.name)) is not None:
            stage.change(self._flow(dose, stage.flow))

    def _flow(self, dose: Dose, before: Flow | None) -> Flow:
        """The toxic at work, or none: one draw for each connection and each time it begins anew."""
        self._draws += 1
        chance = random.Random(f"{self._seed}/{self.name}/{dose.name}/{self._draws}")  # noqa: S311 -- to be had again
        return dose.toxic.flow(dose.values, chance, before) if chance.random() < dose.toxicity else Through()

    def _links(self, stream: Stream) -> tuple[Link, ...]:
        return tuple(connection.links[stream] for connection in self._running.values() if connection is not None)


@dataclass(slots=True)
class Proxies:
    """All proxies of one API, by name, and what toxics there are to put on them."""

    toxics: Mapping[str, Toxic]
    seed: int = 0
    by_name: dict[str, Proxy] = field(default_factory=dict)

    async def stop(self) -> None:
        for proxy in self.by_name.values():
            await proxy.stop()

    async def reset(self) -> None:
        """Every proxy listens, and none has a toxic."""
        for proxy in self.by_name.values():
            for dose in tuple(proxy.doses):
                proxy.remove(dose.name)
            await proxy.start()


def local(listen: str) -> tuple[str, int]:
    """`host:port` as both; an empty host is this machine. Raises `NotLocalError` or `ValueError`."""
    host, colon, port = listen.rpartition(":")
    host = host.strip("[]") or HOST
    if listen and (not colon or not port.isdigit()):
        raise ValueError(f"listen tcp: address {listen}: missing port in address")
    host = HOST if host == "localhost" else host
    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = False
    if not is_local:
        raise NotLocalError(f"listen tcp {listen}: only addresses of this machine (127.0.0.1) are listened at")
    return host, int(port or 0)


def written(host: str, port: int) -> str:
    """An address as Toxiproxy writes it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def dialled(upstream: str) -> socket.socket:
    """A connection to `host:port`. Raises `OSError` or `TimeoutError`."""
    host, _, port = upstream.rpartition(":")
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(DIAL_S):
        refused = OSError(f"{upstream}: no address")
        for family, kind, _, _, address in await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM):
            sock = socket.socket(family, kind)
            sock.setblocking(False)  # noqa: FBT003 -- as the socket module wants it
            try:
                await loop.sock_connect(sock, address)
            except OSError as error:
                sock.close()
                refused = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise refused

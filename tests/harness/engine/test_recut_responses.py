"""Responses of the reference, recorded once and read again in other pieces: whole, octet by octet, cut by chance. What
the harness sees must not depend on it, or a verdict would be the network's."""

from __future__ import annotations

import socket
from random import Random
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import pytest
from cuts import cut_at, octet_by_octet
from served_reference import served_reference
from virtual_target import in_virtual_time

from streamspec.harness import embedded_target, profile_file
from streamspec.harness.core.event import Completed, Ended, Event, Failed, Item, Lagged, Opened, content_coding
from streamspec.harness.core.history import Header
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS
from streamspec.harness.core.ports import Request, Transport
from streamspec.harness.core.script import LOOK, Ask, Read, Script, Session
from streamspec.harness.discovery import all_drivers
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.session import play
from streamspec.harness.engine.stage import Stage
from streamspec.harness.transports.http1 import Http1Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Exchange

PROFILE: Final = profile_file.profile(embedded_target.PROFILE)
DRIVERS: Final = {driver.name: driver for driver in all_drivers()}
PATHS: Final = ("finite?n=8", "failing?after=3", "text", "empty", "prompt?gap_ms=30")
CODINGS: Final = ("", "gzip")
HTTP: Final = tuple(on for on in embedded_target.BINDINGS if on not in embedded_target.SCRIPTED)
CASES: Final = [(on, path, coding) for on in HTTP for path in PATHS for coding in CODINGS]
RANDOM_CUTS: Final = 4


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    with served_reference() as url:
        yield url


def recorded(base: str, binding: str, path: str, coding: str) -> bytes:
    """Every octet of the answer, up to the end of the connection."""
    parts = urlsplit(base)
    head = (
        f"GET /{embedded_target.path(binding)}{path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
        f"Accept: {DRIVERS[binding].accept}\r\nAccept-Encoding: {coding or 'identity'}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        connection.sendall(head.encode())
        octets = b""
        while more := connection.recv(65_536):
            octets += more
    return octets


class Pieces:
    """A connection that gives these pieces, one a read, and then the peer's end."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._left = list(pieces)

    @property
    def buffered_bytes(self) -> int:
        return 0

    async def send(self, data: bytes) -> None:
        pass

    async def receive(self, size: int) -> bytes:
        assert size >= len(self._left[0]) if self._left else True
        return self._left.pop(0) if self._left else b""

    async def close(self) -> None:
        self._left.clear()

    def abort(self) -> None:
        self._left.clear()


def seen(binding: str, coding: str, pieces: Sequence[bytes]) -> list[Event]:
    """What the harness sees of an answer in these pieces."""
    session = Session("look-1", LOOK, (Ask(coding=coding), Read(items=0, budget="finite_ms")))

    async def opened(request: Request, limits: Limits, _connect_ms: float) -> Exchange:
        return Http1Exchange(Pieces(pieces), b"GET", request.method, limits)

    async def main() -> list[Event]:
        recorder = Recorder(LIMITS)
        stage = Stage(
            Transport("pieces", ("http",), opened),
            lambda _opened, _role: DRIVERS[binding].decoder(PROFILE, "$.n", LIMITS),
            {LOOK: Request("http://127.0.0.1/")},
            BUDGETS_MS,
            LIMITS,
            recorder,
        )
        script = Script((session,))
        await play(script, stage)
        records = recorder.seal(Header("case", "scenario", binding, "streamspec", script)).records
        return [record.event for record in records if not isinstance(record.event, Lagged)]

    events: list[Event] = in_virtual_time(main())
    return events


@pytest.mark.parametrize(("binding", "path", "coding"), CASES, ids=lambda word: word or "identity")
def test_what_is_seen_does_not_depend_on_the_cuts(reference: str, binding: str, path: str, coding: str) -> None:
    octets = recorded(reference, binding, path, coding)
    whole = seen(binding, coding, [octets[n : n + 65_536] for n in range(0, len(octets), 65_536)])
    assert seen(binding, coding, octet_by_octet(octets)) == whole
    chance = Random(f"{binding}/{path}/{coding}")
    for _ in range(RANDOM_CUTS):
        places = [chance.randrange(1, len(octets)) for _ in range(chance.randint(1, 30))]
        assert seen(binding, coding, cut_at(octets, places)) == whole
    shows_what_it_should(whole, path, coding)


def shows_what_it_should(events: list[Event], path: str, coding: str) -> None:
    """That the recording is one: a page of an error would be read alike in any pieces, too."""
    head = next(event for event in events if isinstance(event, Opened))
    assert (head.status, content_coding(head)) == (200, coding)
    assert head.header("transfer-encoding") == "chunked"
    items = sum(isinstance(event, Item) for event in events)
    assert items == {"finite": 8, "failing": 3, "empty": 0, "prompt": 2}.get(path.partition("?")[0], items)
    fails = path.startswith("failing")
    assert any(isinstance(event, Completed) for event in events) is not fails
    assert any(isinstance(event, Ended) for event in events) or fails
    assert any(isinstance(event, Failed) for event in events) <= fails

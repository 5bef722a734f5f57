"""Whose end an end is, on a way with toxics on it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from streamspec.harness.core.errors import InternalError
from streamspec.harness.core.event import Closed, Deviation, Did, Ended, Opened, Refused
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.ports import Body, Request, Transport
from streamspec.harness.core.script import Heal, Poison
from streamspec.harness.core.toxic import Toxic
from streamspec.harness.discovery import constants
from streamspec.harness.engine.way import Poisoned, no_way

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Exchange
    from streamspec.harness.core.toxic import Values

TOXICS: Final = {toxic.name: toxic for toxic in constants("streamspec.harness.toxics", Toxic)}
HEAD: Final = Opened(200, "OK", "HTTP/1.1", (("Content-Type", "text/event-stream"),))
WHOLE: Final = Ended("chunked", 4)
Batch = tuple["Event | Body", ...]


@dataclass
class Proxy:
    """What a proxy was told."""

    told: list[tuple[str, str, Values]] = field(default_factory=list)

    async def add(self, toxic: str, stream: str, values: Values) -> None:
        self.told.append((toxic, stream, values))

    async def down(self) -> None:
        self.told.append(("down", "", {}))

    async def heal(self) -> None:
        self.told.append(("heal", "", {}))


class Batches:
    """An exchange made of data."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = list(batches)

    async def receive(self) -> Sequence[Event | Body]:
        return self._batches.pop(0) if self._batches else ()

    async def close(self) -> None: ...

    def abort(self) -> None: ...


def way(seed: int = 0) -> Poisoned:
    return Poisoned(Proxy(), TOXICS, random.Random(seed))


def read(
    on: Poisoned,
    *batches: Batch,
    before: Sequence[Poison | Heal] = (),
    during: Sequence[Poison | Heal] = (),
    direct: bool = False,
) -> list[Event | Body]:
    """All that an exchange shows; `during` comes on the way when its first batch has."""

    async def opened(_request: Request, _limits: Limits, _connect_ms: float) -> Exchange:
        return Batches(batches)

    async def main() -> list[Event | Body]:
        for act in before:
            await on.act(act)
        transport = on.leading(Transport("data", ("http",), opened))
        exchange = await transport.open(Request("http://127.0.0.1/", direct=direct), LIMITS, 1.0)
        seen = list(await exchange.receive())
        for act in during:
            await on.act(act)
        for _ in batches:
            seen += await exchange.receive()
        return seen

    return asyncio.run(main())


CUT: Final = Poison("limit_data", {"bytes": 9})
EOF: Final = (Deviation("chunk.no-last", 0), Closed("eof"))


def test_an_end_is_the_targets_where_nothing_is_on_the_way() -> None:
    assert read(way(), (HEAD,), EOF) == [HEAD, *EOF]


@pytest.mark.parametrize("how", ["eof", "reset"])
def test_an_unframed_end_is_ours_while_a_toxic_is_there_that_cuts(how: str) -> None:
    end = (Deviation("chunk.no-last", 0), Closed(how))  # type: ignore[arg-type]  # one of the closed list
    seen = read(way(), (HEAD,), (Body(b"four"),), end, before=(CUT,))
    assert seen == [HEAD, Body(b"four"), Did("cut:limit_data"), Closed("ours", "by limit_data, on our proxy")]


def test_one_that_came_while_the_exchange_was_open_counts_too_even_when_it_is_gone_again() -> None:
    assert Did("cut:limit_data") in read(way(), (HEAD,), EOF, during=(CUT,))
    assert Did("cut:limit_data") in read(way(), (HEAD,), EOF, during=(CUT, Heal()))


def test_what_was_gone_before_the_exchange_began_does_not_count() -> None:
    assert read(way(), (HEAD,), EOF, before=(CUT, Heal())) == [HEAD, *EOF]


def test_a_message_that_was_whole_was_not_cut() -> None:
    assert read(way(), (HEAD, WHOLE), (Closed("reset"),), before=(CUT,)) == [HEAD, WHOLE, Closed("reset")]
    assert read(way(), (HEAD, WHOLE, Closed("eof")), before=(CUT,)) == [HEAD, WHOLE, Closed("eof")]


def test_an_end_that_only_the_connection_shows_may_be_a_cut() -> None:
    seen = read(way(), (HEAD,), (Ended("close", 4), Closed("eof")), before=(CUT,))
    assert seen == [HEAD, Did("cut:limit_data"), Closed("ours", "by limit_data, on our proxy")]


def test_a_request_that_is_not_answered_is_told_as_cut_first() -> None:
    refused = Refused("reset")
    assert read(way(), (refused,), before=(Poison("reset_peer"),)) == [Did("cut:reset_peer"), refused]
    assert read(way(), (Refused("refused"),), before=(Poison("down"),)) == [Did("cut:down"), Refused("refused")]


def test_toxics_that_lose_nothing_excuse_nothing() -> None:
    assert read(way(), (HEAD,), EOF, before=(Poison("latency", {"latency": 5}),)) == [HEAD, *EOF]


def test_past_the_proxy_every_end_is_the_targets() -> None:
    assert read(way(), (HEAD,), EOF, before=(CUT,), direct=True) == [HEAD, *EOF]


def test_what_a_black_hole_swallows_is_lost_from_the_first_read_on() -> None:
    assert read(way(), (HEAD,), during=(Poison("timeout"),)) == [HEAD, Did("lost:timeout")]


def test_offsets_are_octets_of_the_body_that_came() -> None:
    on = way()
    read(on, (HEAD,), (Body(b"four"), Body(b"more")), EOF, before=(CUT,))
    assert on.offsets == [("limit_data", 8)]
    assert on.streams == 1


def test_a_share_is_drawn_of_what_the_measured_answer_took() -> None:
    def drawn(seed: int) -> int:
        on = way(seed)
        read(on, (HEAD,), (Body(bytes(1_000)), WHOLE, Closed("eof")), before=(Heal(measure=True),))
        assert 1_000 < on.measured_octets < 1_100
        read(on, (HEAD,), before=(Heal(),))  # another answer changes nothing
        asyncio.run(on.act(Poison("cut_at", share=(20, 60))))
        assert isinstance(on.led, Proxy)
        return on.led.told[-1][2]["bytes"]

    values = {drawn(seed) for seed in range(20)}
    assert all(200 <= value <= 660 for value in values)
    assert len(values) > 10
    assert drawn(3) == drawn(3)


def test_a_toxic_takes_the_place_of_another_unless_it_works_beside_it() -> None:
    on = way()
    assert isinstance(on.led, Proxy)
    acts = (Poison("latency", {"latency": 1}), Poison("latency", {"latency": 1}, stream="upstream", beside=True), CUT)
    told = [asyncio.run(on.act(act)) for act in acts]
    assert [name for name, _, _ in on.led.told] == ["latency", "latency", "heal", "limit_data"]
    assert told == ["poison:latency latency=1", "poison:latency latency=1", "poison:limit_data bytes=9"]
    assert asyncio.run(on.act(Heal())) == "heal"
    assert asyncio.run(on.act(Heal())) == "heal"
    assert [name for name, _, _ in on.led.told][-2:] == ["limit_data", "heal"]  # healed once is healed


def test_without_a_proxy_there_is_no_way() -> None:
    with pytest.raises(InternalError, match="no proxy leads to this target"):
        asyncio.run(no_way(Heal()))

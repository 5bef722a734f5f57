"""The way between us and the target: toxics come and go on it, and what they do is told as ours.

Of each end that the target's own framing did not announce nobody can say who made it, while a toxic is on the way that
ends connections: it is ours then, and never held against the target. Never here: the proxy, or a verdict.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from streamspec.harness.core.errors import InternalError
from streamspec.harness.core.event import Closed, Deviation, Did, Ended, Opened, Refused
from streamspec.harness.core.ports import Body
from streamspec.harness.core.script import CUT, LOST, Heal, Poison

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Exchange, Request, Transport
    from streamspec.harness.core.toxic import Chance, Toxic, Values

Way = Callable[[Poison | Heal], Awaitable[str]]  # what was done, in the words of `Did`

DOWN: Final = "down"  # the way itself, closed
BYTES: Final = "bytes"
TLS_OCTETS: Final = 2_500  # about what a server says before its first octet of HTTP
_BY_CLOSE: Final = "close"  # the framing of a message that an end of its connection ends


async def no_way(act: Poison | Heal) -> str:
    """The way of a target to which no proxy leads."""
    raise InternalError(f"{type(act).__name__}: no proxy leads to this target")


class Led(Protocol):
    """A proxy that leads to the target. Every call raises `NoVerdict` when it does not do what it was told."""

    async def add(self, toxic: str, stream: str, values: Values) -> None: ...

    async def down(self) -> None: ...

    async def heal(self) -> None: ...


@dataclass(slots=True)
class Poisoned:
    """A way with toxics on it. `chance` is what shares are drawn from; `cuts` counts the ends that were ours, by toxic,
    and `offsets` behind how many octets of an answer's body each of them fell."""

    led: Led
    toxics: Mapping[str, Toxic]
    chance: Chance
    cutting: str = ""  # a toxic that ends connections, and is on the way now
    losing: str = ""  # one that drops what comes
    turns: int = 0  # how often one that ends connections was put there
    last: str = ""  # which it was then
    measures: bool = False  # the next answer
    measured_octets: int = 0  # about as many as it took on the wire
    streams: int = 0
    _is_poisoned: bool = False
    offsets: list[tuple[str, int]] = field(default_factory=list)

    async def act(self, act: Poison | Heal) -> str:
        """Put a toxic on the way, or take all of them away; what was done, in the words of `Did`."""
        if isinstance(act, Heal):
            await self._heal()
            self.measures = act.measure
            return "heal"
        if self._is_poisoned and not act.beside:
            await self._heal()
        self._is_poisoned = True
        if act.toxic == DOWN:
            self._cuts(DOWN)
            await self.led.down()
            return f"poison:{DOWN}"
        toxic = self.toxics[act.toxic]
        values = dict(act.values)
        if any(act.share):
            low, high = (max(1, self.measured_octets * percent // 100) for percent in act.share)
            values[BYTES] = self.chance.randrange(low, max(low, high) + 1)
        if toxic.cuts:  # before it is there: it may cut at once
            self._cuts(act.toxic)
            self.losing = act.toxic if toxic.removal_cuts and act.stream == "downstream" else self.losing
        await self.led.add(act.toxic, act.stream, values)
        return " ".join((f"poison:{act.toxic}", *(f"{name}={value}" for name, value in values.items())))

    async def _heal(self) -> None:
        if self._is_poisoned:
            await self.led.heal()
        self._is_poisoned = False
        self.cutting = self.losing = ""

    def _cuts(self, name: str) -> None:
        self.cutting = self.last = name
        self.turns += 1

    def leading(self, transport: Transport) -> Transport:
        """The same transport, whose exchanges tell what is ours."""

        async def opened(request: Request, limits: Limits, connect_ms: float) -> Exchange:
            before = self.turns - bool(self.cutting)
            exchange = await transport.open(request, limits, connect_ms)
            if request.direct:
                return exchange
            self.streams += 1
            measured, self.measures = self.measures, False
            handshake = TLS_OCTETS if request.url.startswith("https:") else 0
            return _LedExchange(exchange, self, before, handshake, measured=measured)

        return replace(transport, open=opened)


class _LedExchange:
    """An exchange over the way. `before` are the turns that were over when it began, `octets` what the wire took before
    its head."""

    def __init__(self, exchange: Exchange, way: Poisoned, before: int, octets: int, *, measured: bool) -> None:
        self._exchange = exchange
        self._way = way
        self._before = before
        self._measured = measured
        self._octets = octets
        self._body_octets = 0
        self._whole = False
        self._told = False

    async def receive(self) -> Sequence[Event | Body]:
        if self._way.losing and not self._told:
            self._told = True
            return (Did(f"{LOST}{self._way.losing}"),)
        batch = await self._exchange.receive()
        for entry in batch:
            self._count(entry)
        if self._measured:
            self._way.measured_octets = self._octets
        over = any(isinstance(entry, Closed | Refused) for entry in batch)
        if not over or self._whole or self._way.turns == self._before:
            return batch
        self._way.offsets.append((self._way.last, self._body_octets))
        return _ours(batch, self._way.last)

    def _count(self, entry: Event | Body) -> None:
        match entry:
            case Body(data):
                self._octets += len(data)
                self._body_octets += len(data)
            case Opened():
                self._octets += len(entry.version) + len(entry.reason) + 8
                self._octets += sum(len(name) + len(value) + 4 for name, value in entry.headers)
            case Ended(framing) if framing != _BY_CLOSE or self._way.turns == self._before:
                self._whole = True

    async def close(self) -> None:
        await self._exchange.close()

    def abort(self) -> None:
        self._exchange.abort()


def _ours(batch: Sequence[Event | Body], toxic: str) -> Sequence[Event | Body]:
    """The end of a connection that we cut. What an incomplete message departs from is ours, too."""
    kept: list[Event | Body] = [Did(f"{CUT}{toxic}")]
    for entry in batch:
        if isinstance(entry, Closed):
            kept.append(Closed("ours", f"by {toxic}, on our proxy"))
        elif not isinstance(entry, Ended | Deviation):
            kept.append(entry)
    return kept

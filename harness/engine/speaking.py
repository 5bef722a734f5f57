"""What a session says on its stream: items of ours, a half-close, a cancel in the binding's own word, a ping, and
octets that break a grammar. And how its stream is opened, on a connection of its own or beside others.

Whatever becomes of it, receiving shows. Never here: reading, or the octets of a carrier.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.harness.core.errors import InternalError
from streamspec.harness.core.event import Did, Expired, Refused, Said
from streamspec.harness.core.ports import Duplex, Multiplexed, NoSuchWord
from streamspec.harness.core.raw import raw_octets
from streamspec.harness.core.saying import said_item
from streamspec.harness.core.script import Cancel, Finish, Ping, Say, Write
from streamspec.harness.core.unopened import RefusedExchange
from streamspec.harness.engine.clock import now_ns
from streamspec.harness.engine.sharing import Member

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.ports import Exchange, Request, Talker
    from streamspec.harness.engine.stage import Stage

_CARRIERS_OWN = "reset"  # a push that is no message: the carrier has a word of its own (`core.ports.Request.push`)


def push_of(talker: Talker | None) -> str:
    """What cancels a stream in the write that opens it. Raises `InternalError` where nothing does."""
    try:
        word = talker.cancel() if talker else None
    except NoSuchWord as none:
        raise InternalError(f"a stream cancelled at once: {none}") from none
    return _CARRIERS_OWN if word is None else word.decode()


async def opened(stage: Stage, session: str, request: Request, on: str) -> Exchange:
    """A stream on a connection of its own, or on that of the session `on`."""
    if stage.opening and request.body:
        request = replace(request, body=stage.opening(request.body))
    if not on:
        exchange = await stage.transport.open(request, stage.limits, stage.budgets["connect_ms"])
        return stage.shared(exchange, request.opens) if stage.shared else exchange
    partner = stage.exchanges.get(on)
    if partner is None or (isinstance(partner, Duplex) and not isinstance(partner, Multiplexed)):
        raise InternalError(f"{session}: there is no connection of {on} that carries a second stream")
    if not isinstance(partner, Multiplexed):
        return RefusedExchange(Refused("closed", f"no connection came about for {on}"))
    try:
        async with asyncio.timeout(stage.budgets["connect_ms"] / 1e3):
            return await partner.beside(request)
    except ConnectionError as gone:
        return RefusedExchange(Refused("closed", str(gone)))
    except TimeoutError:
        return RefusedExchange(Refused("unreachable", "the connection takes nothing more"))


async def _half_closed(duplex: Duplex) -> None:
    """The connection, with all streams that are on it."""
    await (duplex.link.duplex() if isinstance(duplex, Member) else duplex).finish()


class Speaker:
    """One stream, as far as we speak on it. What it does is written down before it is done: its answer comes later."""

    def __init__(self, session: str, stage: Stage, exchange: Exchange, talker: Talker | None) -> None:
        self._session = session
        self._stage = stage
        self._duplex = exchange if isinstance(exchange, Duplex) else None
        self._talker = talker
        self._saying: asyncio.Task[None] | None = None  # while the script goes on
        self._begun = 0  # items: one whose saying was cut short is with the system, and is not said again
        self._said = Said(0, 0)
        self._cancelled = False

    async def do(self, act: Say | Finish | Ping | Write | Cancel) -> None:
        match act:
            case Say():
                await self._say(act)
            case Finish(fin):
                await self._said_all()
                await (self._speak("finish:fin", _half_closed) if fin else self._speak("finish", self._finish))
            case Ping():
                await self._speak("ping", lambda duplex: duplex.ping())
            case Write(what):
                await self._said_all()
                octets = raw_octets(what, self._session)
                await self._speak(f"write:{what}", lambda duplex: duplex.write(octets))
            case Cancel():
                await self.close()  # no item follows a cancel
                self._cancelled = True
                await self._speak("cancel:word", self._cancel)

    async def close(self) -> None:
        """Nothing more is said."""
        if self._saying is not None:
            self._saying.cancel()
            (outcome,) = await asyncio.gather(self._saying, return_exceptions=True)
            self._saying = None
            if isinstance(outcome, Exception):  # an error of ours
                raise outcome

    async def part(self) -> None:
        """Of a stream that is left while it is not over, and whose connection stays: its cancel. A binding without a
        word for that lets it run on."""
        member = self._duplex
        if isinstance(member, Member) and member.stays and not self._cancelled:
            with contextlib.suppress(TimeoutError, ConnectionError, NoSuchWord):
                async with asyncio.timeout(self._stage.budgets["say_ms"] / 1e3):
                    await self._cancel(member)

    def _note(self, event: Event) -> None:
        self._stage.recorder.add(self._session, event)

    async def _finish(self, duplex: Duplex) -> None:
        word = self._talker.end() if self._talker else None
        await (duplex.finish() if word is None else duplex.say(word))

    async def _cancel(self, duplex: Duplex) -> None:
        word = self._talker.cancel() if self._talker else None
        await (duplex.reset() if word is None else duplex.say(word))

    async def _speak(self, did: str, speak: Callable[[Duplex], Awaitable[None]]) -> None:
        """Do one thing, within the budget of all that we say. Raises `InternalError` for a word that this binding does
        not have: the plan asks for no such thing."""
        duplex, budget_ms = self._duplex, self._stage.budgets["say_ms"]
        if duplex is None:
            return
        self._note(Did(did))
        try:
            async with asyncio.timeout(budget_ms / 1e3):
                await speak(duplex)
        except TimeoutError:
            self._note(Expired("say_ms", budget_ms))
        except ConnectionError:
            pass  # what became of the connection, receiving shows
        except NoSuchWord as none:
            raise InternalError(f"{self._session}: {did}: {none}") from none

    async def _say(self, act: Say) -> None:
        await self._said_all()
        self._saying = asyncio.create_task(self._items(act))
        if not act.meanwhile:
            await self._said_all()

    async def _said_all(self) -> None:
        """What is said meanwhile has been said. Who is stopped while waiting stops it as well."""
        if self._saying is not None:
            await self._saying
            self._saying = None

    async def _items(self, act: Say) -> None:
        """Items until all are said, the budget is over, the target takes no more, or the connection is gone. How many
        it were is written down in any case, and from time to time before."""
        if self._duplex is None or self._talker is None:
            return
        self._note(Did("say"))
        expired = ""
        try:
            expired = await self._until_said(act, self._duplex, self._talker)
        except ConnectionError:
            pass  # what became of the connection, receiving shows
        except NoSuchWord as none:
            raise InternalError(f"{self._session}: say: {none}") from none
        finally:
            self._note(self._said)
        if expired:
            self._note(Expired(expired, self._stage.budgets[expired]))

    async def _until_said(self, act: Say, duplex: Duplex, talker: Talker) -> str:
        """The name of the budget that ran out, empty when all was said."""
        budgets = self._stage.budgets
        began_ns = noted_ns = now_ns()
        first = self._begun + 1
        for text in act.items or (said_item(n, act.bytes) for n in range(first, first + act.n)):
            left_ms = budgets[act.budget] - (now_ns() - began_ns) / 1e6
            if left_ms <= 0:
                return act.budget
            name = "steady_ms" if act.still and budgets["steady_ms"] < left_ms else act.budget
            self._begun += 1
            try:
                async with asyncio.timeout(min(left_ms, budgets[name]) / 1e3):
                    await duplex.say(talker.item(text))
            except TimeoutError:
                return name
            self._said = Said(self._said.n + 1, self._said.bytes + len(text.encode()))
            if now_ns() - noted_ns >= budgets["every_ms"] * 1e6:
                self._note(self._said)
                noted_ns = now_ns()
            await asyncio.sleep(0)  # a system that takes everything at once would keep all others waiting
        return ""

"""One open stream of a session: its acts on the way to a target, and what was received. Never judges.

A target's misbehaviour is an event. An exception that leaves this module is our own error. Never here: when which
session plays (`session`), or what is said on a stream that goes both ways (`speaking`).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.harness.core.accounts import GATE, PROBLEM
from streamspec.harness.core.asking import SCRIPTED_OCTETS_MAX, has_run, items_asked_for, may_stay_unheard, request_of
from streamspec.harness.core.coding import Inflater
from streamspec.harness.core.errors import InternalError, SeveralWorkers
from streamspec.harness.core.event import (
    Closed,
    Completed,
    Did,
    Ended,
    Event,
    Expired,
    Failed,
    Heartbeat,
    Item,
    Meta,
    Opened,
    Refused,
    Told,
    Trailers,
    content_coding,
)
from streamspec.harness.core.ports import Body, Decoder, Exchange, Multiplexed, TrailersDecoder
from streamspec.harness.core.script import (
    SCRIPT,
    Account,
    Ask,
    Cancel,
    Finish,
    Heal,
    Open,
    Pass,
    Ping,
    Poison,
    Read,
    Say,
    Stop,
    Watch,
    Write,
)
from streamspec.harness.engine.clock import now_ns
from streamspec.harness.engine.speaking import Speaker, opened, push_of
from streamspec.harness.engine.vigil import Vigil
from streamspec.harness.engine.waiting import Patience, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.script import Act, Session
    from streamspec.harness.engine.stage import Stage

_BESIDE = (Account, Watch, Open, Poison, Heal)  # acts that need no stream
_SEVERAL = "several workers? The stream of run {run} was served, and its witness answers 404: they must share it"


class Stream:
    """One open stream: what was received, and how far its reader has read."""

    def __init__(self, session: Session, stage: Stage) -> None:
        self._session = session
        self._stage = stage
        self._exchange: Exchange | None = None
        self._speaker: Speaker | None = None  # where the stream goes both ways
        self._decoder: Decoder | None = None
        self._inflater: Inflater | None = None
        self._readable: tuple[str, ...] = ("",)  # codings of a body that we can read
        self._figures = stage.figures.setdefault(session.id, {})
        self._asked_for = items_asked_for(session.acts)
        self._items = 0
        self._plain = True  # it was asked for as anybody would
        self._owes = False  # and what is asked for is a stream from its first item on
        self._signs = 0  # items, heartbeats and other messages: the stream lives
        self._read = 0
        self._bytes = 0
        self._read_bytes = 0
        self._answered = False
        self._unheard = False  # nothing is due before we have said more
        self._served_ns = 0  # when a stream was answered with 200, so that its handler was called; 0 before
        self._ended = False
        self._terminal = False
        self._gone = False

    async def do(self, act: Act) -> bool:
        """Do one act; False when the session can do no more: not answered, or without items that it needs."""
        match act:
            case Ask():
                await self._ask(act)
                return self._lives or (act.malformed and self._gone)  # which is an answer to that, too
            case Read():
                return await self._read_on(act) and self._lives
            case Say() | Finish() | Ping() | Write() | Cancel():
                await self._speak(act)
            case Stop():
                return await self._stop()
            case Account():
                await self._take_account()
            case Watch():
                await self._watch(act)
            case Pass(ms):
                await self._stand_still(ms)
            case Open():
                await self._open(act)
            case Poison() | Heal():
                self._note(Did(await self._stage.way(act)))
            case _:
                raise AssertionError(f"a server's script has the act {act}")
        return self._lives or isinstance(act, _BESIDE)

    @property
    def _lives(self) -> bool:
        return self._answered or (self._unheard and not self._gone)

    async def close(self) -> None:
        """Our own orderly end, when the stream is still open. Its neighbours on the connection stay."""
        if self._speaker is not None:
            await self._speaker.close()
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        if not self._gone:
            self._note(Did("close"))
            self._note(Closed("ours"))
            if self._speaker is not None and not self._terminal:
                await self._speaker.part()
        await (exchange.leave() if isinstance(exchange, Multiplexed) else exchange.close())

    def _note(self, event: Event) -> None:
        self._stage.recorder.add(self._session.id, event)

    async def _ask(self, act: Ask) -> None:
        stage, role = self._stage, self._session.role
        self._note(Did(f"ask:{act.way}" if act.way else "ask"))
        last_id = stage.ids.get(act.after, "")
        run = self._run_of(act)
        stage.runs[self._session.id] = run
        self._served_ns = 0
        self._plain = not act.way
        self._owes = self._plain and not (act.after or act.behind)
        talker = stage.talker(act.same or self._session.id) if stage.talker else None
        request = request_of(
            stage.requests[self._key()],
            act,
            self._session,
            stage.item_bytes,
            last_id,
            run,
            stage.other,
            push_of(talker) if act.cancelled else "",
        )
        if act.cancelled:
            self._note(Did("cancel:word"))
        if role == SCRIPT and len(request.url) > SCRIPTED_OCTETS_MAX:
            raise InternalError(f"{self._session.id}: its script makes a URL of {len(request.url)} octets")
        if act.narrow:
            request = replace(request, receive_buffer_bytes=stage.limits.narrow_bytes)
        self._readable = ("", *(word.strip() for word in act.coding.split(",")))
        self._exchange = stage.exchanges[self._session.id] = await opened(stage, self._session.id, request, act.on)
        self._speaker = Speaker(self._session.id, stage, self._exchange, talker)
        self._unheard = may_stay_unheard(request)
        if not self._unheard and not await within(self._until_answered(), stage.budgets[act.budget]):
            self._expire(act.budget)

    def _key(self) -> str:
        """Under which the request of this session is found."""
        direction = self._session.direction
        return self._session.role if direction == "server" else f"{self._session.role}/{direction}"

    async def _speak(self, act: Say | Finish | Ping | Write | Cancel) -> None:
        if isinstance(act, Cancel) and act.how != "word":
            await self._cancel(act.how)
        elif self._speaker and not self._gone:
            await self._speaker.do(act)

    def _run_of(self, act: Ask) -> str:
        """A new one where the request has a place for it, else no witness knows of it. Who comes with the credentials
        of somebody else wants somebody's own run."""
        stage = self._stage
        if not has_run(stage.requests[self._key()]):
            return ""
        theirs = stage.runs.get(act.after, "") if act.credentials == "other" else ""
        return theirs or next(stage.new_runs)

    def _expire(self, budget: str) -> None:
        waited_ms = self._stage.budgets[budget]
        self._note(Expired(budget, waited_ms))
        if self._owes and not self._items:
            self._stage.silence.waited(self._session.role, waited_ms, now_ns() / 1e6)

    async def _until_answered(self) -> bool:
        while not (self._answered or self._gone):
            await self._receive()
        return True

    async def _read_on(self, act: Read) -> bool:
        """Read as the act says; False when items that it needs did not come. To the end means: past a terminal, and
        past the end of the message for a bounded linger, or what must not follow is never seen."""
        goal = self._read + act.items if act.items else None
        patience = Patience(act, self._stage.budgets, now_ns(), now_ns(), self._signs)
        while not self._gone:
            if goal is not None and (self._items >= goal or self._ended):
                break
            if act.bytes and self._bytes - self._read_bytes >= act.bytes:
                self._note(Did("enough"))
                break
            tail = "linger_ms" if self._ended else "terminal_ms" if self._terminal else ""
            budget, left_ms = patience.left(now_ns(), self._signs, tail if goal is None else "")
            if left_ms <= 0 or not await within(self._receive(), left_ms):
                if not self._ended:
                    self._expire(budget)
                break
        came = goal is None or self._items >= goal
        self._read = self._items if goal is None else min(self._items, goal)
        self._read_bytes = self._bytes
        return came or not act.needed

    async def _cancel(self, how: str) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is None or self._gone:
            return
        self._note(Did(f"cancel:{how}"))
        if how == "rst":
            exchange.abort()
        await exchange.close()
        self._note(Closed("ours"))

    async def _stop(self) -> bool:
        if self._stage.stop is None:
            return False
        self._note(Did("stop"))
        await self._stage.stop()
        return True

    async def _take_account(self, wanted: frozenset[str] = frozenset(), *, ask: bool = True) -> None:
        """Of the figures that are wanted, of all when none are named; unless we `ask` the target itself, only of what
        shows without."""
        recorder = self._stage.recorder
        asked_ns = recorder.now_ns()
        run = self._stage.runs.get(self._session.id, "")
        take = self._stage.account if ask else self._stage.measured
        for figures in await take(run, wanted):
            if figures.unknown_run and self._is_played():
                raise SeveralWorkers(_SEVERAL.format(run=run))
            recorder.add(self._session.id, Told(asked_ns, figures.values), figures.seen_by)
            self._figures.update(figures.values)

    def _is_played(self) -> bool:
        """Whether the handler of this session's stream was surely called: some frameworks send the head before."""
        waited_ms = (now_ns() - self._served_ns) / 1e6 if self._served_ns else 0.0
        return bool(self._served_ns and (self._items or waited_ms >= self._stage.budgets["account_ms"]))

    async def _open(self, act: Open) -> None:
        """Stamped when it is asked for. A gate that was not opened is told in words, as a figure is that is missing."""
        recorder = self._stage.recorder
        self._note(Did(f"open:{act.gate}"))
        asked_ns = recorder.now_ns()
        run = self._stage.runs.get(act.of or self._session.id, "")
        problem = await self._stage.open_gate(run, act.gate) if run else "nobody has asked for that stream"
        if problem:
            recorder.add(self._session.id, Told(asked_ns, {GATE: act.gate, PROBLEM: problem}))

    async def _stand_still(self, ms: int) -> None:
        """Read nothing for so long. A stream that is open stalls."""
        stalls = self._exchange is not None and not self._gone
        if stalls:
            self._note(Did("stall"))
        await asyncio.sleep(ms / 1e3)
        if stalls:
            self._note(Did("resume"))

    async def _watch(self, act: Watch) -> None:
        """Accounts, and no reading: a stream that is open stalls. Over when the figures say what the act waits for.
        Where connections are counted, the target itself is asked seldom: some hold what each question came on for
        seconds."""
        budgets = self._stage.budgets
        stalls = self._exchange is not None and not self._gone
        if stalls:
            self._note(Did("stall"))
        asked_ns = start_ns = now_ns()
        vigil = Vigil(act, self._figures, self._stage.figures.get(act.back, {}), budgets["steady_ms"], start_ns)
        while (left_ms := budgets[act.budget] - (now_ns() - start_ns) / 1e6) > 0:
            await asyncio.sleep(min(budgets["every_ms"], left_ms) / 1e3)
            if ask := not act.back or (now_ns() - asked_ns) / 1e6 >= budgets["seldom_ms"]:
                asked_ns = now_ns()
            await self._take_account(vigil.wanted, ask=ask)
            if vigil.has_come(self._figures, now_ns()):
                await self._take_account()  # one that was surely asked for after the change
                break
            if vigil.stands_still(self._figures, now_ns()):
                break
        if stalls:
            self._note(Did("resume"))

    async def _receive(self) -> bool:
        """One batch of what the transport saw, recorded in order."""
        if self._exchange is None:
            self._gone = True
            return True
        batch = await self._exchange.receive()
        if not batch:
            self._gone = True
        for entry in batch:
            if isinstance(entry, Body):
                self._bytes += len(entry.data)
                self._decode(entry.data)
                continue
            decoder = self._decoder
            if isinstance(entry, Trailers) and isinstance(decoder, TrailersDecoder):
                self._take([entry, *decoder.trailers(entry)])
                continue
            if isinstance(entry, Ended | Closed) and decoder:
                self._decoder = None
                self._take(self._inflater.end() if self._inflater else [])
                self._take(decoder.end())
            self._take([entry])
        return True

    def _decode(self, data: bytes) -> None:
        if self._inflater:
            data, faults = self._inflater.feed(data)
            self._take(faults)
        self._take(self._decoder.feed(data) if self._decoder else [])

    def _begin(self, head: Opened) -> None:
        self._answered = True
        if head.status == 200 and self._plain and not head.essence.startswith("application/grpc"):
            self._served_ns = now_ns()  # of gRPC a refusal has the same head
        coding = content_coding(head)
        if coding in self._readable:
            self._decoder = self._stage.decoder(head, self._session.role)
            self._inflater = Inflater(self._stage.limits) if coding else None

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case Opened():
                    self._begin(event)
                case Item():
                    self._items += 1
                    self._stage.silence.heard(self._session.role)
                    self._signs += 1
                    if event.id and (self._asked_for is None or self._items <= self._asked_for):
                        self._stage.ids[self._session.id] = event.id
                case Heartbeat() | Meta():
                    self._signs += 1
                    if isinstance(event, Meta) and event.kind == "start" and self._plain:
                        self._served_ns = self._served_ns or now_ns()
                case Completed() | Failed():
                    self._terminal = True
                case Ended():
                    self._ended = True
                    self._stage.silence.ended(self._session.role)
                case Closed() | Refused():
                    self._gone = True
                case _:
                    pass
            self._note(event)

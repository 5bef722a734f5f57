"""Sessions over length-framed TCP, against a server that speaks envelopes: streams that share a connection, and streams
on which we speak."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from streamspec.harness.core.envelope import filled
from streamspec.harness.core.event import (
    Closed,
    Completed,
    Did,
    Ended,
    Event,
    Expired,
    Failed,
    Item,
    Meta,
    Opened,
    Refused,
    Said,
)
from streamspec.harness.core.frame import FRAME, Frame
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS
from streamspec.harness.core.ports import Exchange, Request
from streamspec.harness.core.script import Act, Ask, Await, Cancel, Finish, Read, Say, Script, Session, Write
from streamspec.harness.drivers.tcp_frames import TCP_FRAMES
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.session import play
from streamspec.harness.engine.sharing import Link, Member
from streamspec.harness.engine.stage import Stage
from streamspec.harness.profile_file import profile
from streamspec.harness.transports.framed import FRAMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.profile import Profile

STREAMSPEC = profile("streamspec")
ALL = Read(items=0, budget="finite_ms")


def one(budget: str = "item_ms") -> Read:
    return Read(items=1, budget=budget)


@dataclass
class Server:
    """Plays procedures: `server` sends `n` items, `bidi` echoes, `client` counts, `endless` waits for a cancel, `cut`
    ends the connection behind its first item."""

    frame: Frame = FRAME
    connections: int = 0
    heard: list[dict[str, Any]] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)  # whole messages of each read

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        streams: dict[str, asyncio.Queue[Any]] = {}
        async with asyncio.TaskGroup() as group:
            while messages := await self._messages(reader):
                self.reads.append(len(messages))
                for message in messages:
                    self._take(message, streams, writer, group)
            for inbox in streams.values():
                inbox.put_nowait({"type": "stream:cancel"})
        writer.close()

    async def _messages(self, reader: asyncio.StreamReader) -> list[bytes]:
        """What came in one read."""
        held, messages = await reader.read(65_536), list[bytes]()
        while held:
            try:
                held += await reader.readexactly(max(0, self.frame.width - len(held)))
                length = self.frame.length(held[: self.frame.width])
                held += await reader.readexactly(max(0, self.frame.width + length - len(held)))
            except asyncio.IncompleteReadError:
                return messages
            messages.append(held[self.frame.width : self.frame.width + length])
            held = held[self.frame.width + length :]
        return messages

    def _take(
        self,
        octets: bytes,
        streams: dict[str, asyncio.Queue[Any]],
        writer: asyncio.StreamWriter,
        group: asyncio.TaskGroup,
    ) -> None:
        try:
            message = json.loads(octets)
        except ValueError:
            return self._send(writer, {"type": "error", "payload": {"code": "INVALID_ARGUMENT", "message": "no JSON"}})
        self.heard.append(message)
        stream = message["id"]
        if message["type"] == "stream:start":
            if message["procedure"] == "unknown":
                problem = {"code": "NOT_FOUND", "message": "?"}
                return self._send(writer, {"id": stream, "type": "stream:error", "payload": problem})
            streams[stream] = asyncio.Queue()
            group.create_task(self._play(message, streams[stream], writer))
        elif stream in streams:
            streams[stream].put_nowait(message)
        return None

    async def _play(self, start: dict[str, Any], inbox: asyncio.Queue[Any], writer: asyncio.StreamWriter) -> None:
        say = partial(self._say, writer, start["id"])
        say("stream:start")
        match start["procedure"]:
            case "server":
                for n in range(1, start["payload"]["n"] + 1):
                    say("stream:data", {"n": n})
                    await asyncio.sleep(0)
            case "endless":
                say("stream:data", {"n": 1})
                while (await inbox.get())["type"] != "stream:cancel":
                    pass
                return say("stream:error", {"code": "CANCELLED", "message": "cancelled"})
            case "cut":
                say("stream:data", {"n": 1})
                await inbox.get()
                writer.close()
                return None
            case procedure:
                taken = 0
                while (message := await inbox.get())["type"] == "stream:data":
                    taken += 1
                    if procedure == "bidi":
                        say("stream:data", message["payload"])
                if procedure == "client":
                    say("stream:data", {"n": 1, "count": taken})
        return say("stream:end")

    def _say(self, writer: asyncio.StreamWriter, stream: str, kind: str, payload: Any = None) -> None:
        self._send(writer, {"id": stream, "type": kind, "payload": payload})

    def _send(self, writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
        if not writer.is_closing():
            writer.write(self.frame.around(json.dumps(message, separators=(",", ":")).encode()))


def procedures(port: int, mapped: Profile) -> dict[str, Request]:
    """A role for each procedure."""
    assert mapped.envelope is not None
    names = ("server", "client", "bidi", "endless", "unknown", "cut")
    body = {name: filled(mapped.envelope.start, {"procedure": f'"{name}"', "payload": '{"n":3}'}) for name in names}
    url = f"tcp://127.0.0.1:{port}"
    return {name: Request(url, body=body[name].encode(), frame=mapped.frame) for name in names}


def played(*sessions: Session, mapped: Profile = STREAMSPEC, server: Server | None = None) -> tuple[History, Server]:
    server = server or Server(mapped.frame)
    script = Script(sessions)

    async def main() -> History:
        recorder = Recorder(LIMITS)
        listening = await asyncio.start_server(server, "127.0.0.1", 0)
        addressee, talker = TCP_FRAMES.addressee, TCP_FRAMES.talker
        assert addressee
        assert talker

        def shared(exchange: Exchange, stream: str) -> Member:
            return Link(exchange, partial(addressee, mapped), LIMITS).member(stream)

        stage = Stage(
            FRAMED,
            lambda _opened, _role: TCP_FRAMES.decoder(mapped, "$.n", LIMITS),
            procedures(listening.sockets[0].getsockname()[1], mapped),
            {**BUDGETS_MS, "look_ms": 50.0},
            LIMITS,
            recorder,
            shared=shared,
            talker=partial(talker, mapped),
        )
        async with listening, asyncio.timeout(20):
            await play(script, stage)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*others, return_exceptions=True)
        return recorder.seal(Header("case", "scenario", "tcp", mapped.name, script))

    return asyncio.run(main()), server


def session(name: str, *acts: Act, beside: str = "") -> Session:
    return Session(name, name.partition("-")[0], acts, beside)


def events(history: History, name: str) -> Sequence[Event]:
    return [record.event for record in history.records_of(name)]


def names(history: History, name: str) -> list[str]:
    return [e.act if isinstance(e, Did) else type(e).__name__ for e in events(history, name)]


def seqs(history: History, name: str) -> list[int | None]:
    return [event.seq for event in events(history, name) if isinstance(event, Item)]


STREAM = ["ask", "Opened", "Meta", "Item", "Item", "Item", "Completed", "Ended"]


def test_a_stream_is_opened_read_and_left() -> None:
    history, server = played(session("server-1", Ask(), ALL))
    assert names(history, "server-1") == [*STREAM, "close", "Closed"]
    assert seqs(history, "server-1") == [1, 2, 3]
    assert [message["id"] for message in server.heard] == ["server-1"]
    assert server.heard[0]["metadata"] == {}
    ended = [event for event in events(history, "server-1") if isinstance(event, Ended)]
    assert [end.framing for end in ended] == ["envelope"]


def test_credentials_stand_in_the_message_that_opens_a_stream() -> None:
    _, server = played(session("server-1", Ask(credentials="wrong"), ALL))
    assert [*server.heard[0]["metadata"]] == ["authorization"]


def test_two_streams_share_a_connection_and_each_gets_its_own() -> None:
    history, server = played(
        session("endless-1", Ask(), one(), Await("server-2", 2), Cancel("word"), ALL),
        session("server-2", Await("endless-1", 2), Ask(on="endless-1"), ALL, beside="endless-1"),
    )
    assert server.connections == 1
    assert names(history, "server-2") == [*STREAM, "close", "Closed"]
    assert names(history, "endless-1") == [
        *("ask", "Opened", "Meta", "Item", "cancel:word", "Failed", "Ended", "close", "Closed")
    ]
    assert [e.code for e in events(history, "endless-1") if isinstance(e, Failed)] == ["CANCELLED"]


def test_many_streams_interleave_on_one_connection() -> None:
    others = [
        session(f"server-{n}", Await("endless-1", 1), Ask(on="endless-1"), ALL, beside="endless-1") for n in range(30)
    ]
    history, server = played(session("endless-1", Ask(), *(Await(o.id, 3) for o in others)), *others)
    assert server.connections == 1
    for other in others:
        assert seqs(history, other.id) == [1, 2, 3]
        assert Counter(map(type, events(history, other.id)))[Completed] == 1


def test_who_leaves_a_stream_that_goes_on_cancels_it_and_no_other() -> None:
    history, server = played(
        session("endless-1", Ask(), one(), Await("endless-2", 3), Cancel("word"), ALL),
        session("endless-2", Await("endless-1", 1), Ask(on="endless-1"), one(), beside="endless-1"),
    )
    cancels = [message["id"] for message in server.heard if message["type"] == "stream:cancel"]
    assert cancels == ["endless-2", "endless-1"]
    assert names(history, "endless-2")[-2:] == ["close", "Closed"]
    assert "Failed" not in names(history, "endless-2")
    assert "Deviation" not in names(history, "endless-1")  # its answer was nobody's, and no fault


def test_a_stream_of_its_own_ends_with_its_connection() -> None:
    _, server = played(session("endless-1", Ask(), one()), session("endless-2", Ask(), one()))
    assert server.connections == 2
    assert [message["type"] for message in server.heard] == ["stream:start"] * 2


def test_a_client_says_its_items_and_is_told_how_many_they_were() -> None:
    history, server = played(session("client-1", Ask(), Say(5, bytes=50), Finish(), ALL))
    assert names(history, "client-1") == [
        *("ask", "Opened", "say", "Said", "finish", "Meta", "Item", "Completed", "Ended", "close", "Closed")
    ]
    assert Said(5, 250) in events(history, "client-1")
    [item] = [event for event in events(history, "client-1") if isinstance(event, Item)]
    assert item.prefix == '{"n":1,"count":5}'
    assert [message["payload"]["n"] for message in server.heard[1:6]] == [1, 2, 3, 4, 5]


def test_both_speak_at_once() -> None:
    history, _ = played(
        session("bidi-1", Ask(), Say(20, meanwhile=True), Read(items=20, budget="item_ms"), Finish(), ALL)
    )
    assert seqs(history, "bidi-1") == list(range(1, 21))
    assert names(history, "bidi-1")[-4:] == ["Completed", "Ended", "close", "Closed"]


def test_a_cancel_may_come_with_what_opens_the_stream() -> None:
    history, server = played(session("endless-1", Ask(cancelled=True), ALL))
    assert server.reads[0] == 2
    assert [message["type"] for message in server.heard] == ["stream:start", "stream:cancel"]
    assert names(history, "endless-1")[:3] == ["ask", "cancel:word", "Opened"]
    assert [e.code for e in events(history, "endless-1") if isinstance(e, Failed)] == ["CANCELLED"]


def test_a_start_may_come_twice_in_one_write() -> None:
    history, server = played(session("server-1", Ask(twice=True), Read(items=6, budget="item_ms")))
    assert server.reads[0] == 2
    assert [(m["type"], m["id"]) for m in server.heard[:2]] == [("stream:start", "server-1")] * 2
    assert sorted(n for n in seqs(history, "server-1") if n) == [1, 1, 2, 2, 3, 3]


def test_a_stream_that_is_refused_is_over_and_its_neighbour_is_not() -> None:
    history, _ = played(
        session("endless-1", Ask(), one(), Await("unknown-2", 3), Cancel("word"), ALL),
        session("unknown-2", Await("endless-1", 1), Ask(on="endless-1"), ALL, beside="endless-1"),
    )
    assert names(history, "unknown-2") == ["ask", "Opened", "Failed", "Ended", "close", "Closed"]
    assert [e.code for e in events(history, "endless-1") if isinstance(e, Failed)] == ["CANCELLED"]


def test_garbage_is_answered_and_the_stream_goes_on() -> None:
    history, _ = played(session("endless-1", Ask(), one(), Write("tcp-garbage"), Cancel("word"), ALL))
    metas = [event.kind for event in events(history, "endless-1") if isinstance(event, Meta)]
    assert metas == ["start", "error"]
    assert [e.code for e in events(history, "endless-1") if isinstance(e, Failed)] == ["CANCELLED"]


def test_a_connection_that_ends_ends_all_its_streams_and_completes_none() -> None:
    history, _ = played(
        session("cut-1", Ask(), one(), Await("endless-2", 3), Say(1), ALL),
        session("endless-2", Await("cut-1", 1), Ask(on="cut-1"), one(), ALL, beside="cut-1"),
    )
    for name in ("cut-1", "endless-2"):
        assert events(history, name)[-1] == Closed("eof")
        assert not {"Ended", "Completed", "Failed"} & set(names(history, name))


def test_who_ends_the_connection_ends_the_streams_of_the_others_by_our_doing() -> None:
    history, _ = played(
        session("endless-1", Ask(), one(), Await("endless-2", 3), Cancel("rst")),
        session("endless-2", Await("endless-1", 1), Ask(on="endless-1"), one(), ALL, beside="endless-1"),
    )
    assert names(history, "endless-1")[-2:] == ["cancel:rst", "Closed"]
    assert events(history, "endless-2")[-1] == Closed("ours")


def test_a_stream_on_a_connection_that_is_gone_is_refused() -> None:
    history, _ = played(
        session("endless-1", Ask(), one(), Cancel("fin")), session("server-2", Ask(on="endless-1"), ALL)
    )
    assert [type(event) for event in events(history, "server-2")] == [Did, Refused]


def test_streams_are_framed_as_the_dialect_says() -> None:
    history, _ = played(
        session("server-1", Ask(), ALL),
        session("client-2", Ask(), Say(2), Finish(), ALL),
        mapped=replace(STREAMSPEC, frame=Frame(2, "little")),
    )
    assert seqs(history, "server-1") == [1, 2, 3]
    assert "Completed" in names(history, "client-2")


def test_a_server_that_adds_to_ids_is_understood() -> None:
    class Suffixed(Server):
        def _say(self, writer: asyncio.StreamWriter, stream: str, kind: str, payload: Any = None) -> None:
            suffix = f"{kind}:{payload['n']}" if kind == "stream:data" else kind
            super()._say(writer, f"{stream}:{suffix}", kind, payload)

    history, _ = played(
        session("server-1", Ask(), Await("server-2", 3), ALL),
        session("server-2", Await("server-1", 1), Ask(on="server-1"), ALL, beside="server-1"),
        mapped=profile("raffel"),
        server=Suffixed(),
    )
    for name in ("server-1", "server-2"):
        assert names(history, name) == [*STREAM, "close", "Closed"]


def test_a_target_that_answers_nothing_expires_as_over_any_binding() -> None:
    class Silent(Server):
        async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()

    history, _ = played(session("server-1", Ask(), one("look_ms")), server=Silent())
    assert [type(event) for event in events(history, "server-1")[1:3]] == [Opened, Expired]

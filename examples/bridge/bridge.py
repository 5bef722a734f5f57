# A bridge: streams that are asked for over SSE, NDJSON or a WebSocket are had from another server, over a WebSocket,
# TCP or SSE. Both of its sides keep docs/contract.md, so that it can be judged: `python bridge.py PORT BASE` stands
# before the adapter at BASE, and below /ws, /tcp and /sse is one that asks over that binding.

import asyncio
import json
import re
import sys
from collections import deque
from contextlib import aclosing, suppress
from urllib.parse import parse_qs

import uvicorn
from behind import BROKEN, ENDS, STATUS, Server, answered, asked, compact

ID = re.compile(r"[A-Za-z0-9._~:-]{1,128}")
MOST_STREAMS = 128  # of one WebSocket at a time
MOST_OVER = 1_024  # ids of streams that are over, and of which a client may still speak
MOST_COMPLAINTS = 64  # about messages of one client that were no good; with one more its connection ends
LEAVING_S = 1  # for open streams, when the bridge is stopped


def in_sse(kind, payload):
    named = f"event: {kind}\n" if kind in ENDS else ""
    text = f"{named}data: {compact({} if kind == 'end' else payload)}\n\n"
    return {"start": "", "heartbeat": ": heartbeat\n\n"}.get(kind, text)


def in_ndjson(kind, payload):
    if kind == "start":
        return ""
    return compact(payload if kind == "data" else {"type": kind, **(payload or {})}) + "\n"


FORMS = {"sse": ("text/event-stream", in_sse), "ndjson": ("application/x-ndjson", in_ndjson)}


class Refused(Exception):
    """A request of a client that is no good."""

    def __init__(self, code, message, name=""):
        super().__init__(message)
        self.error = {"code": code, "message": message}
        self.name = name


def wanted(members, read=lambda script: script):
    try:
        return members["run"], read(members["script"])
    except (LookupError, TypeError, ValueError, RecursionError):
        raise Refused("INVALID_ARGUMENT", "a stream needs a run and a script") from None


# Over HTTP: one request, one stream.


async def http(server, features, scope, receive, send):
    what = scope["path"].rpartition("/")[2]
    query = scope["query_string"].decode()
    if what == "features":
        await answer(send, 200, compact(features).encode())
    elif what in {"witness", "gate"}:
        try:
            status, body = await server.passed_on(scope["method"], f"{what}?{query}")
        except BROKEN:
            status, body = 503, b"{}"
        await answer(send, status, body)
    elif what in FORMS:
        try:
            run, script = wanted({name: values[0] for name, values in parse_qs(query).items()}, json.loads)
        except Refused as refused:
            await answer(send, 400, compact(refused.error).encode())
        else:
            await until_left(receive, show(server, FORMS[what], run, script, send))
    else:
        await answer(send, 404, b"{}")


async def answer(send, status, body):
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def show(server, form, run, script, send):
    """One stream, its head as soon as the server behind has begun it."""
    media_type, written = form
    headers = [(b"content-type", media_type.encode()), (b"cache-control", b"no-store")]
    begun = False
    async with aclosing(asked(server, run, script)) as messages:
        async for kind, payload in messages:
            if not begun and kind == "error":
                await answer(send, STATUS.get(payload["code"], 500), compact(payload).encode())
                return
            if not begun:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                begun = True
            await send({"type": "http.response.body", "body": written(kind, payload).encode(), "more_body": True})
    await send({"type": "http.response.body"})


async def until_left(receive, work):
    """Do the work, and stop when the client leaves: whoever waits for the next item would not hear of it."""

    async def left():
        while (await receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(left())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    if not tasks[0].cancelled():
        tasks[0].result()


# Over a WebSocket: many streams, each in envelopes with its id.


class Conversation:
    """Each stream has a connection of its own to the server behind, so that it can be left."""

    def __init__(self, server, send):
        self.server = server
        self.send = send
        self.playing = {}
        self.over = deque(maxlen=MOST_OVER)

    async def listen(self, receive):
        complaints = 0
        async with asyncio.TaskGroup() as group:
            while (message := await receive())["type"] != "websocket.disconnect" and complaints <= MOST_COMPLAINTS:
                try:
                    self.hear(message.get("text"), group)
                except Refused as refused:
                    complaints += 1
                    await self.say({"id": refused.name, "type": "error", "payload": refused.error})
            for task in self.playing.values():
                task.cancel()
        with suppress(OSError, RuntimeError):
            await self.send({"type": "websocket.close", "code": 1008})

    def hear(self, text, group):
        try:
            envelope = json.loads(text)
            name, kind = envelope["id"], envelope["type"]
            good = ID.fullmatch(name)
        except (LookupError, TypeError, ValueError, RecursionError):
            good = None
        if not good:
            raise Refused("INVALID_ARGUMENT", "a message is an object with an id and a type")
        if kind == "stream:start":
            if name in self.playing:
                raise Refused("ALREADY_EXISTS", "this id is in use", name)
            self.playing[name] = group.create_task(self.play(name, envelope))
        elif kind == "stream:cancel" and name in self.playing:
            self.playing.pop(name).cancel()
            self.over.append(name)
        elif name not in self.playing and name not in self.over:
            raise Refused("NOT_FOUND", "there is no such stream", name)

    async def play(self, name, envelope):
        try:
            run, script = wanted(envelope.get("payload"))
            self.admit(envelope)
        except Refused as refused:
            await self.show(name, "error", refused.error)
            return
        async with aclosing(asked(self.server, run, script)) as messages:
            async for kind, payload in messages:
                await self.show(name, kind, payload)

    def admit(self, envelope):
        if envelope.get("procedure") != "server":
            raise Refused("UNIMPLEMENTED", "only the server streams here")
        if len(self.playing) > MOST_STREAMS:
            raise Refused("RESOURCE_EXHAUSTED", "too many streams")

    async def show(self, name, kind, payload):
        if kind in ENDS:  # the client may use the id again as soon as it has read this
            del self.playing[name]
            self.over.append(name)
        told = {"payload": payload} if kind in {"data", "error"} else {}
        await self.say({"id": name, "type": f"stream:{kind}"} | told)

    async def say(self, envelope):
        if not envelope["id"]:
            del envelope["id"]
        with suppress(OSError, RuntimeError):  # uvicorn has ended the connection, as we shall hear
            await self.send({"type": "websocket.send", "text": compact(envelope)})


def features_of(features):
    """What the server behind does, as far as it can be had through the bridge."""
    kept = ("codes", "explicit_end", "expiry")
    declares = {name: value for name, value in features.get("declares", {}).items() if name in kept}
    streams = {shown: shown for shown in (*FORMS, "ws")}
    declares["max_streams"] = MOST_STREAMS
    return {**features, "streams": streams, "directions": ["server"], "declares": declares}


async def bridge_to(base):
    """The application. `base` is that of an adapter with the profile `streamspec`."""
    async with answered("GET", f"{base}/features") as (_, pieces):
        features = json.loads(b"".join([piece async for piece in pieces]))
    servers = {over: Server(base, features, over) for over in ("ws", "tcp", "sse") if over in features["streams"]}

    async def application(scope, receive, send):
        server = servers.get(scope["path"].split("/")[1])
        if scope["type"] == "http":
            await (http(server, features_of(features), scope, receive, send) if server else answer(send, 404, b"{}"))
            return
        await receive()
        await send({"type": "websocket.accept" if server else "websocket.close"})
        if server:
            await Conversation(server, send).listen(receive)

    return application


if __name__ == "__main__":
    bridge = asyncio.run(bridge_to(sys.argv[2]))
    how = {"lifespan": "off", "log_level": "warning", "timeout_graceful_shutdown": LEAVING_S}
    uvicorn.run(bridge, host="127.0.0.1", port=int(sys.argv[1]), **how)

# The server behind the bridge, asked over one binding: what it says of one stream, as pairs of a kind (start, data,
# heartbeat, end, error) and a payload. Never here: what our own clients are shown.

import asyncio
import json
from contextlib import aclosing, asynccontextmanager
from urllib.parse import urlencode, urlsplit

import h11
import websockets

PIECE_BYTES = 65_536  # read at a time
MESSAGE_BYTES = 4 * 1_048_576  # of one item, with what is around it
CONNECT_S = 10
LEAVE_S = 1  # for it to answer our Close
ENDS = ("end", "error")
BROKEN = (OSError, EOFError, LookupError, ValueError, h11.RemoteProtocolError, websockets.WebSocketException)
STATUS = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "UNAUTHORIZED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "TIMED_OUT": 504,
}
CODE = {status: code for code, status in STATUS.items()}


async def asked(server, run, script):
    """All of one stream. It always has an end: where the server behind sent none, it is an error of ours."""
    why = "the stream behind this bridge was cut off"
    try:
        async with aclosing(server.stream(run, script)) as messages:
            async for kind, payload in messages:
                yield kind, payload
                if kind in ENDS:
                    return
    except BROKEN as problem:
        why = f"the server behind this bridge: {type(problem).__name__}"
    yield "error", {"code": "UNAVAILABLE", "message": why}


def compact(value):
    """JSON without blanks, as it came: what is passed on is no larger than what was sent."""
    return json.dumps(value, separators=(",", ":"))


class Server:
    def __init__(self, base, features, over):
        self.base = base
        self.place = features["streams"][over]
        self.stream = {"ws": self._over_ws, "tcp": self._over_tcp, "sse": self._over_sse}[over]

    async def passed_on(self, method, what):
        """The answer to a request that has nothing to do with bindings."""
        async with answered(method, f"{self.base}/{what}") as (status, pieces):
            return status, b"".join([piece async for piece in pieces])

    async def _over_ws(self, run, script):
        url = f"ws{self.base.removeprefix('http')}/{self.place}"
        how = {"proxy": None, "max_size": MESSAGE_BYTES, "open_timeout": CONNECT_S, "close_timeout": LEAVE_S}
        async with websockets.connect(url, **how) as connection:
            await connection.send(_opening("server", run, script))
            async for message in connection:
                yield _pair(message)

    async def _over_tcp(self, run, script):
        port, _, name = self.place.removeprefix(":").partition("/")
        procedure = f"{name}/server" if name else "server"
        async with connected(urlsplit(self.base).hostname, int(port)) as (reader, writer):
            message = _opening(procedure, run, script).encode()
            writer.write(len(message).to_bytes(4, "big") + message)
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                if size > MESSAGE_BYTES:
                    raise ValueError("too large a frame")
                yield _pair(await reader.readexactly(size))

    async def _over_sse(self, run, script):
        query = urlencode({"run": run, "script": compact(script)})
        async with answered("GET", f"{self.base}/{self.place}?{query}") as (status, pieces):
            if status >= 400:
                told = json.loads(b"".join([piece async for piece in pieces]))
                yield "error", {"code": CODE.get(status, "UNKNOWN"), "message": "refused"} | told
                return
            yield "start", None
            event, data = "data", []
            async for line in _lines(pieces):
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "event":
                    event = value
                elif field == "data":
                    data.append(value)
                elif line and not field:
                    yield "heartbeat", None
                elif not line:
                    if data:
                        yield event, json.loads("\n".join(data))
                    event, data = "data", []


def _opening(procedure, run, script):
    payload = {"run": run, "script": script}
    return compact({"id": "s", "type": "stream:start", "procedure": procedure, "payload": payload, "metadata": {}})


def _pair(message):
    envelope = json.loads(message)
    return envelope["type"].removeprefix("stream:"), envelope.get("payload")


async def _lines(pieces):
    came = b""
    async for piece in pieces:
        *whole, came = (came + piece).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode()
        if len(came) > MESSAGE_BYTES:
            raise ValueError("too long a line")


@asynccontextmanager
async def connected(host, port):
    async with asyncio.timeout(CONNECT_S):
        reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()


@asynccontextmanager
async def answered(method, url):
    """The status of an answer, and its body piece by piece."""
    parts = urlsplit(url)
    async with connected(parts.hostname, parts.port) as (reader, writer):
        talk = h11.Connection(h11.CLIENT)
        head = [("Host", parts.netloc), ("Connection", "close"), ("Content-Length", "0")]
        request = h11.Request(method=method, target=f"{parts.path}?{parts.query}", headers=head)
        writer.write(talk.send(request) + talk.send(h11.EndOfMessage()))

        async def events():
            while not isinstance(event := talk.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA:
                    talk.receive_data(await reader.read(PIECE_BYTES))
                else:
                    yield event

        coming = events()
        response = await anext(coming)
        yield response.status_code, (bytes(event.data) async for event in coming)

"""A chat that streams: the asyncio server of `websockets`, one connection for each stream, `/stats` beside them."""

import asyncio
import json
import logging
import secrets
import sys
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response

QUOTES = ["hello", "two\nlines", "and\r\nfrom Windows\r\n", 'a "quote"', "tab\there", "Grüße 😀", "\u2028"]

stats = {"produced": 0, "open": 0, "cancelled": 0, "ended": 0}
new_messages = asyncio.Queue()


async def history(count):
    for n in range(1, count + 1):
        yield {"n": n, "text": f"message {n}"}


async def pictures(count):
    for n in range(1, count + 1):
        yield {"n": n, "picture": secrets.token_urlsafe(720)}


async def imported():
    async for message in history(3):
        yield message
    raise ValueError("the fourth message has no author")


async def live():
    yield {"n": 1, "text": "the last one so far"}
    while True:
        yield await new_messages.get()


async def typing():
    yield {"n": 1, "state": "typing"}
    await asyncio.sleep(0.3)
    yield {"n": 2, "state": "sent"}


async def presence():
    n = 0
    while True:
        n += 1
        yield {"n": n}
        await asyncio.sleep(0.02)


async def quotes():
    for n, text in enumerate(QUOTES, 1):
        yield {"n": n, "text": text}


SOURCES = {
    "/history": lambda _: history(100),
    "/history/empty": lambda _: history(0),
    "/history/imported": lambda _: imported(),
    "/pictures": lambda query: pictures(int(query.get("n", ["1000"])[0])),
    "/live": lambda _: live(),
    "/typing": lambda _: typing(),
    "/presence": lambda _: presence(),
    "/quotes": lambda _: quotes(),
}


async def handler(websocket):
    url = urlsplit(websocket.request.path)
    stats["open"] += 1
    try:
        async for message in SOURCES[url.path](parse_qs(url.query)):
            stats["produced"] += 1
            await websocket.send(json.dumps(message))
    except (ConnectionClosed, asyncio.CancelledError):
        stats["cancelled"] += 1
        raise
    finally:
        stats["open"] -= 1
        stats["ended"] += 1


def process_request(connection, request):
    if request.path == "/stats":
        body = json.dumps(stats).encode()
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
        return Response(HTTPStatus.OK, "OK", headers, body)
    if urlsplit(request.path).path not in SOURCES:
        return connection.respond(HTTPStatus.NOT_FOUND, "no such stream\n")
    return None


async def main(port):
    async with serve(handler, "127.0.0.1", port, process_request=process_request) as server:
        await server.serve_forever()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(int(sys.argv[1])))

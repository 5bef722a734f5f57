"""Shows the desk: a tail over HTTP, then an upload and a conversation on one WebSocket. `python client.py URL`."""

import base64
import json
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

from websockets.sync.client import connect


def tail(url):
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request("GET", "/streams/logs.tail?level=error&limit=3")
    for line in connection.getresponse():
        print("SSE", line.decode().rstrip())


def say(socket, **members):
    socket.send(json.dumps(members))


def on_one_connection(url):
    with connect(f"ws://{urlsplit(url).netloc}/", proxy=None) as socket:
        say(socket, type="stream:start", id="upload_1", procedure="files.upload")
        say(socket, type="stream:start", id="chat_1", procedure="chat.conversation")
        for piece in (b"some ", b"octets"):
            say(socket, type="stream:data", id="upload_1", payload={"data": base64.b64encode(piece).decode()})
        say(socket, type="stream:data", id="chat_1", payload={"content": "status"})
        for stream in ("upload_1", "chat_1"):
            say(socket, type="stream:end", id=stream)
        open_streams = 2
        while open_streams:
            envelope = json.loads(socket.recv(timeout=10))
            print("WS ", json.dumps(envelope))
            open_streams -= envelope["type"] in {"stream:end", "stream:error"}


if __name__ == "__main__":
    where = sys.argv[1].rstrip("/")
    tail(where)
    on_one_connection(where)

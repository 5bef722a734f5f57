"""A command that asks by hand what we asked, for each kind of URL: the reader needs nothing of ours to see it again.

Pure. Secrets and bodies were redacted before: their places are for the reader to fill.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from streamspec.harness.core.ports import Request

# Sends its arguments as frames, and shows what comes for ten seconds.
_FRAMES: Final = (
    "import socket, sys\n"
    "s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)\n"
    "[s.sendall(len(m.encode()).to_bytes({width}, '{order}') + m.encode()) for m in sys.argv[3:]]\n"
    "[print(octets) for octets in iter(lambda: s.recv(65536), b'')]"
)


def by_hand(request: Request) -> str:
    """The command for this URL."""
    scheme = request.url.partition(":")[0]
    commands = {"ws": _websocat, "wss": _websocat, "tcp": _frames, "grpc": _grpcurl, "grpcs": _grpcurl}
    return commands.get(scheme, curl)(request)


def _websocat(request: Request) -> str:
    """`-n`: its own end of input closes nothing."""
    words = ["websocat", "-n", *(word for name, value in request.headers for word in ("-H", f"{name}: {value}"))]
    line = shlex.join([*words, request.url])
    return f"printf '%s\\n' {shlex.quote(_text(request.body))} | {line}" if request.body else line


def _frames(request: Request) -> str:
    parts = urlsplit(request.url)
    code = _FRAMES.format(width=request.frame.width, order=request.frame.order)
    opening = [_text(request.body)] if request.body else []
    return shlex.join(["python3", "-c", code, str(parts.hostname), str(parts.port), *opening])


def _grpcurl(request: Request) -> str:
    parts = urlsplit(request.url)
    words = ["grpcurl", *(["-plaintext"] if parts.scheme == "grpc" else []), "-max-time", "10"]
    words += [word for name, value in request.headers for word in ("-H", f"{name}: {value}")]
    text = _text(request.body)
    message = '{"json": ' + _quoted(text) + "}" if text.startswith("{") else text  # not ours: for the reader to fill
    return shlex.join([*words, "-d", message, parts.netloc, parts.path.removeprefix("/")])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")


def curl(request: Request) -> str:
    """Bounded in time, since an endless stream is a normal target. `-g`: brackets in a URL are meant."""
    words = ["curl", "-N", "-i", "-sS", "--max-time", "10"]
    if set("[]{}") & set(request.url):
        words.append("-g")
    if request.version == "1.0":
        words.append("--http1.0")
    if request.version == "2":
        words.append("--http2-prior-knowledge" if request.url.startswith("http:") else "--http2")
    if request.method != "GET":
        words += ["-X", request.method]
    for name, value in request.headers:
        words += ["-H", f"{name}: {value}" if value else f"{name};"]
    if request.body:
        words += ["-d", request.body.decode("utf-8", "backslashreplace")]
    return shlex.join([*words, request.url])

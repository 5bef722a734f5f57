"""The orders service in a process of its own, and requests to it over real connections. Never here: a test."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_S = 20
MODULE = ("-m", "streamspec.reference_impl.services.orders", "--until-stdin-closes")


@contextmanager
def served(*command: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its URL, with no slash at the end, and the process, which ends with the block."""
    pipe = subprocess.PIPE
    words = [sys.executable, "-W", "error", *command]
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout
            word, _, url = process.stdout.readline().strip().partition(" ")
            assert word == "listening", process.communicate()
            yield url, process
        finally:
            process.kill()


def ask(url: str, target: str, method: str = "GET", said: object = None, **fields: str) -> http.client.HTTPResponse:
    """The answer to a request on a connection of its own, to be read and closed."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=LONGEST_S)
    headers = {"connection": "close"} | {name.replace("_", "-"): value for name, value in fields.items()}
    body = None
    if said is not None:
        body, headers["content-type"] = json.dumps(said), "application/json"
    connection.request(method, target, body, headers)
    return connection.getresponse()


def asked(url: str, target: str, method: str = "GET", said: object = None, **fields: str) -> Any:
    """The whole answer as JSON."""
    with ask(url, target, method, said, **fields) as answer:
        return json.loads(answer.read())

"""A browser reads the orders with its own EventSource, unmodified: live, behind a token, and on over a restart.

A lane: `pytest tests/lanes/test_event_source.py`. It needs a Chromium (Debian: `chromium` or `chromium-headless-shell`,
or $STREAMSPEC_CHROMIUM), and fails where there is none.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.request import urlopen

import pytest
from orders_served import MODULE, asked, served
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from websockets.sync.client import ClientConnection

BROWSERS: Final = ("chromium", "chromium-headless-shell", "google-chrome", "chrome")
LONGEST_S: Final = 30
TOKEN: Final = "correct-horse"


def browser() -> str:
    named = os.environ.get("STREAMSPEC_CHROMIUM", "")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, f"no browser: install one of {', '.join(BROWSERS)}"
    return found


class Page:
    """A page in the browser, asked over its debugging protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)

    def run(self, script: str) -> Any:
        """What the script comes to; None while the page is being loaded."""
        number = next(self._numbers)
        params = {"expression": script, "awaitPromise": True, "returnByValue": True}
        self._connection.send(json.dumps({"id": number, "method": "Runtime.evaluate", "params": params}))
        while (answer := json.loads(self._connection.recv(LONGEST_S))).get("id") != number:
            pass
        return answer.get("result", {}).get("result", {}).get("value")

    def until(self, condition: str) -> None:
        """Wait, in the page, until this holds."""
        script = (
            f"new Promise((done) => {{ const look = () => ({condition}) ? done(true) : setTimeout(look, 20); look() }})"
        )
        deadline = time.monotonic() + LONGEST_S
        while not self.run(script):
            assert time.monotonic() < deadline, condition


@contextmanager
def opened(url: str, folder: Path) -> Iterator[Page]:
    words = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    words += [f"--user-data-dir={folder}", url]
    # The command may be a script around the browser: all of its session is ended.
    session = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with session as process:
        try:
            assert process.stderr
            said = next(line for line in process.stderr if line.startswith("DevTools listening on "))
            host = said.split("/")[2]
            with urlopen(f"http://{host}/json/list", timeout=LONGEST_S) as answer:
                pages = json.load(answer)
            at = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
            with connect(at, open_timeout=LONGEST_S) as connection:
                yield Page(connection)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


STATE: Final = "(document.getElementById('state') ?? {}).textContent"
LINES: Final = "[...document.querySelectorAll('#orders li')].map((line) => line.textContent).reverse()"
ENTER: Final = f"""(() => {{
    document.getElementById('token').value = '{TOKEN}';
    document.getElementById('login').requestSubmit();
    return true;
}})()"""


def test_a_browser_follows_the_orders_and_misses_none_over_a_restart(tmp_path: Path) -> None:
    bearer = f"Bearer {TOKEN}"
    command = [*MODULE, "--token", TOKEN, "--database", str(tmp_path / "orders.db")]
    with contextlib.ExitStack() as first:
        url, _ = first.enter_context(served(*command))
        with opened(url, tmp_path / "profile") as page:
            page.until(f"({STATE} ?? '').startsWith('a token is needed')")
            assert page.run(ENTER)
            page.until(f"{STATE} === 'live'")
            asked(url, "/v1/orders", "POST", {"total": 1}, authorization=bearer)
            page.until(f"{LINES}.length === 1")
            first.close()
            with served(*command, "--port", url.rpartition(":")[2]):
                asked(url, "/v1/orders", "POST", {"total": 2}, authorization=bearer)
                asked(url, "/v1/orders/order-1", "PATCH", {"status": "COMPLETED"}, authorization=bearer)
                page.until(f"{LINES}.length === 3")
                assert page.run(LINES) == [
                    "1 order-created: order-1 is CREATED",
                    "2 order-created: order-2 is CREATED",
                    "3 order-completed: order-1 is COMPLETED",
                ]


def test_a_browser_follows_where_no_token_is_needed(tmp_path: Path) -> None:
    with served(*MODULE) as (url, _), opened(url, tmp_path / "profile") as page:
        page.until(f"{STATE} === 'live'")
        asked(url, "/v1/orders", "POST", {"total": 1, "note": "<img src=x>"})
        page.until(f"{LINES}.length === 1")
        assert page.run(LINES) == ["1 order-created: order-1 is CREATED"]
        assert page.run("document.querySelectorAll('img').length") == 0


def test_without_a_browser_the_lane_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAMSPEC_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AssertionError, match="no browser"):
        browser()

"""The example as its reader runs it: the warehouse, and its client."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Final

from served_patterns import LONGEST_S

EXAMPLE: Final = Path(__file__).parents[4] / "examples" / "services" / "grpc-patterns"
SAID: Final = """\
Uploaded: 3 items, 6 octets
Received: 101 box 1
Received: 102 box 2
Received: 103 box 3
Received: client.py says hello
Received: client.py says goodbye
Refused: INVALID_ARGUMENT, the store gives ids: a new item has none
"""


def test_the_client_says_what_the_warehouse_did_and_the_warehouse_tells_of_it() -> None:
    command = [sys.executable, "-W", "error", "app.py", "0", "tells"]
    with subprocess.Popen(command, cwd=EXAMPLE, stdout=subprocess.PIPE, text=True) as app:
        try:
            assert app.stdout is not None
            assert select.select([app.stdout], [], [], LONGEST_S)[0], "it never said that it listens"
            port = app.stdout.readline().rpartition(":")[2].strip()
            client = [sys.executable, "-W", "error", "client.py", port]
            done = subprocess.run(client, cwd=EXAMPLE, capture_output=True, text=True, timeout=LONGEST_S, check=True)
            assert (done.stdout, done.stderr) == (SAID, "")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/told", timeout=LONGEST_S) as answer:
                assert b'"ended": 5' in answer.read()
            app.send_signal(signal.SIGTERM)
            assert app.wait(LONGEST_S) == 0
        finally:
            app.kill()

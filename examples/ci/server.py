"""A server to be judged in CI: orders as server-sent events, with the standard library alone.

It is right but for one thing, which `baseline.toml` knows: what it sends may be kept by a shared cache.
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ORDERS = 20


class Orders(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path != "/orders":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        first = int(self.headers.get("Last-Event-ID", "0")) + 1
        try:
            for n in range(first, ORDERS + 1):
                self.chunk(b'id: %d\ndata: {"n": %d}\n\n' % (n, n))
                time.sleep(0.005)
            self.chunk(b"")
        except OSError:  # the client has left
            self.close_connection = True

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def log_message(self, *words):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Orders).serve_forever()

"""Starts Connect's reference server on a port: `python serve.py PORT`.

A server of the conformance suite asks on its standard input what it is to be (testing_servers.md of
connectrpc/conformance): this answers as the suite does, and then becomes that server.
"""

import os
import sys

# A ServerCompatRequest: protocol gRPC, HTTP/2, no TLS, and the largest message that the suite allows, 200 KiB.
REQUEST = bytes.fromhex("0802 1002 3080c00c")


def main():
    reading, writing = os.pipe()
    os.write(writing, len(REQUEST).to_bytes(4) + REQUEST)
    os.close(writing)
    os.dup2(reading, 0)
    os.execvp("connect-conformance-go", ["connect-conformance-go", "-port", sys.argv[1]])  # noqa: S606, S607


if __name__ == "__main__":
    main()

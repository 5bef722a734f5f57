"""`python -m streamspec.reference_impl.services.patterns`: the services on a port, over a store in memory or a file.

Never here: anything but arguments.
"""

from __future__ import annotations

import argparse
import contextlib

from streamspec.reference_impl.services.patterns import server
from streamspec.reference_impl.services.patterns.service import StreamService
from streamspec.reference_impl.services.patterns.store import IN_MEMORY, ItemStore


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m streamspec.reference_impl.services.patterns",
        description="Serve StreamService and ChatService over gRPC, with reflection and health.",
    )
    parser.add_argument("--host", default=server.LOOPBACK)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--store", default=IN_MEMORY, metavar="FILE", help="keep items in this file (default: memory)")
    parser.add_argument("--tells", action="store_true", help="answer GET /told on the same port, through a relay")
    arguments = parser.parse_args()
    with contextlib.closing(ItemStore(arguments.store)) as items:
        server.run(StreamService(items), arguments.host, arguments.port, tells=arguments.tells)


if __name__ == "__main__":
    main()

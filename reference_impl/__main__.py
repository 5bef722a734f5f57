"""`python -m streamspec.reference_impl`: the command line of the reference server.

Never here: anything but arguments.
"""

from __future__ import annotations

import argparse
import os

from streamspec.reference_impl.server import run


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m streamspec.reference_impl",
        description="Serve the reference streams in every binding, and every broken variant under /broken/NAME/. "
        "What their producers do is told under /told; /script/ plays scripts (docs/contract.md).",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the parent that holds stdin")
    parser.add_argument(
        "--token",
        default=os.environ.get("STREAMSPEC_TOKEN", ""),
        help="serve once more under /protected/, for whoever has this bearer token (default: $STREAMSPEC_TOKEN)",
    )
    parser.add_argument("--other-token", default="", help="and for another client, who has this one")
    parser.add_argument("--good-alone", action="store_true", help="serve no broken variant: it starts sooner")
    parser.add_argument(
        "--connections-per-peer",
        type=int,
        default=0,
        metavar="N",
        help="that one address may have at a time, gRPC not counted; 0: as many as leave room for others (default)",
    )
    arguments = parser.parse_args()
    run(
        arguments.host,
        arguments.port,
        until_stdin_closes=arguments.until_stdin_closes,
        tokens=(arguments.token, arguments.other_token),
        broken=not arguments.good_alone,
        connections_per_peer=arguments.connections_per_peer,
    )


if __name__ == "__main__":
    main()

"""`python -m streamspec.reference_impl.services.orders`: the command line of the orders service.

Never here: anything but arguments.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3

from streamspec.reference_impl.server import serve
from streamspec.reference_impl.services.orders.application import Settings, application
from streamspec.reference_impl.services.orders.desk import Desk
from streamspec.reference_impl.services.orders.store import Database


def main() -> None:
    usual = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m streamspec.reference_impl.services.orders",
        description="Serve orders as the guide Streaming APIs has it: NDJSON, server-sent events, a JSON array. "
        "A page that shows them live is at /.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--database", default="", metavar="FILE", help="none: orders are gone when the service ends")
    parser.add_argument(
        "--token",
        action="append",
        default=[],
        help="that clients need; may be given for several clients (default: $ORDERS_TOKEN, else nobody needs one)",
    )
    parser.add_argument("--most-streams", type=_from_one, default=usual.most_streams, help="of one client at a time")
    parser.add_argument("--allow-origin", default="", help="another site whose pages may read streams, or *")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the parent that holds stdin")
    given = parser.parse_args()
    tokens = given.token or list(filter(None, [os.environ.get("ORDERS_TOKEN")]))
    try:
        settings = Settings(tuple(tokens), given.most_streams, allow_origin=given.allow_origin)
    except ValueError as failure:
        parser.error(f"--token: {failure}")
    try:
        database = Database(given.database)
    except sqlite3.Error as failure:
        parser.error(f"{given.database}: {failure}")
    with contextlib.closing(Desk(database)) as desk:
        app = application(desk, settings)
        serve(app, given.host, given.port, until_stdin_closes=given.until_stdin_closes, over_grpc=False)


def _from_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    main()

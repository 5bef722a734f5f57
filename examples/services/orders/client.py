"""What a client of the orders does, with the standard library alone: `python client.py http://127.0.0.1:8000`.

It exports, makes an order while it follows the events, loses its connection, and goes on where it was.
"""

import argparse
import http.client
import json
import os
from urllib.parse import urlsplit

TOKEN = os.environ.get("ORDERS_TOKEN", "example")
TIMEOUT_S = 30


class Incomplete(Exception):
    """The stream is over, and did not say that it is whole."""


def records(lines):
    """The orders of an NDJSON export, with what could not be read; raises unless the last record says `completed`."""
    end = None
    for line in lines:
        record = json.loads(line)
        if record["type"] in {"data", "error"}:
            yield record
        elif record["type"] == "stream-end":
            end = record
    if end is None or end["reason"] != "completed":
        raise Incomplete(end)


def events(lines):
    """The events of an SSE stream as `(id, name, data)`, up to its end; what has no data is none."""
    fields = {}
    for line in lines:
        text = line.decode().rstrip("\n")
        if not text:
            if fields.get("event") == "stream-end":
                return
            if "data" in fields:
                yield fields.get("id"), fields.get("event", "message"), json.loads(fields["data"])
            fields = {}
        elif not text.startswith(":"):
            name, _, value = text.partition(": ")
            fields[name] = value


def ask(base, target, method="GET", body=None, **headers):
    """A request on a connection of its own; its answer is read line by line."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=TIMEOUT_S)
    fields = {"Authorization": f"Bearer {TOKEN}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, target, body, fields)
    answer = connection.getresponse()
    if answer.status >= http.HTTPStatus.BAD_REQUEST:
        problem = json.loads(answer.read())
        raise SystemExit(f"{method} {target}: {problem['status']} {problem['title']}: {problem['detail']}")
    return answer


def written(base, target, method, order):
    return json.loads(ask(base, target, method, json.dumps(order), Content_Type="application/json").read())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", metavar="URL")
    base = parser.parse_args().base

    export = ask(base, "/v1/orders/stream?from=order-1101&limit=5", Accept="application/x-ndjson")
    print("announced:", export.getheader("X-Stream-Total-Items"))
    for record in records(export):
        print("exported:", record)

    live = ask(base, "/v1/orders/events", Accept="text/event-stream")
    made = written(base, "/v1/orders", "POST", {"total": 99.95})
    last, name, data = next(events(live))
    print("heard:", last, name, data)
    live.close()

    written(base, f"/v1/orders/{made['id']}", "PATCH", {"status": "PROCESSING"})
    written(base, f"/v1/orders/{made['id']}", "PATCH", {"status": "COMPLETED"})
    resumed = ask(base, "/v1/orders/events?limit=2", Accept="text/event-stream", Last_Event_ID=last)
    for event in events(resumed):
        print("missed and heard:", *event)

    array = ask(base, "/v1/orders/export?status=PENDING&limit=3", Accept="application/json")
    print("array:", json.loads(array.read()))


if __name__ == "__main__":
    main()

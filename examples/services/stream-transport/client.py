"""Asks the node for streams, and leaves one early.

python app.py 9200 &
python client.py 9200
"""

import json
import sys
from contextlib import closing
from http.client import HTTPConnection

HEADERS = {"Accept": "application/x-ndjson"}


def stream(port, action, **request):
    """The records of one answer, each as it comes. Leaving the loop closes the connection, which is the cancel."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", f"/stream/{action}", json.dumps(request), HEADERS)
        answer = connection.getresponse()
        with answer:
            for line in answer:
                yield json.loads(line)


def told(port):
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", "/told")
        return json.load(connection.getresponse())


def main(port):
    for record in stream(port, "internal:search/stream", size=3):
        print(record)
    for record in stream(port, "internal:ticks/stream"):
        print(record)
        if record.get("n") == 3:
            print("enough")
            break
    for record in stream(port, "internal:failing/stream"):
        print(record)
    for record in stream(port, "internal:search/stream", size="many"):
        print(record)
    print(told(port))


if __name__ == "__main__":
    main(int(sys.argv[1]))

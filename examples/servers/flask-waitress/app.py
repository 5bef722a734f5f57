"""A product catalogue as one JSON array, written while it is read: a Flask generator on waitress."""

import json
import secrets
import threading
import time
from queue import Empty, Queue

from flask import Flask, Response, request

DESCRIPTIONS = ["plain", "two\nlines", "from\r\nWindows", 'she said "yes"', "ends with a newline\n", "№ 6 😀"]

app = Flask(__name__)
stats = {"produced": 0, "open": 0, "cancelled": 0, "ended": 0}
lock = threading.Lock()
new_products = Queue()


def count(**changes):
    with lock:
        for name, by in changes.items():
            stats[name] += by


def json_array(products):
    count(open=1)
    try:
        yield "["
        for index, product in enumerate(products):
            count(produced=1)
            yield (",\n" if index else "\n") + json.dumps(product)
        yield "\n]\n"
    except GeneratorExit:
        count(cancelled=1)
        raise
    finally:
        count(open=-1, ended=1)


def array_response(products):
    return Response(json_array(products), mimetype="application/json")


def products(number):
    for n in range(1, number + 1):
        yield {"id": n, "name": f"product {n}"}


@app.get("/products")
def all_products():
    return array_response(products(100))


@app.get("/products/sold-out")
def sold_out():
    return array_response(products(0))


@app.get("/products/broken")
def broken():
    def read():
        yield from products(3)
        raise RuntimeError("the database closed the connection")

    return array_response(read())


@app.get("/products/live")
def live():
    def arriving():
        yield {"id": 1, "name": "the newest so far"}
        while True:
            try:
                yield new_products.get(timeout=60)
            except Empty:
                return

    return array_response(arriving())


@app.get("/products/images")
def images():
    number = request.args.get("n", 1000, type=int)
    return array_response({"id": n, "image": secrets.token_urlsafe(720)} for n in range(1, number + 1))


@app.get("/products/descriptions")
def descriptions():
    return array_response({"id": n, "text": text} for n, text in enumerate(DESCRIPTIONS, 1))


@app.get("/reservation")
def reservation():
    def steps():
        yield {"id": 1, "state": "asked"}
        time.sleep(0.3)
        yield {"id": 2, "state": "reserved"}

    return array_response(steps())


@app.get("/visitors")
def visitors():
    def arriving():
        n = 0
        while True:
            n += 1
            yield {"id": n}
            time.sleep(0.03)

    return array_response(arriving())


@app.get("/stats")
def read_stats():
    with lock:
        return dict(stats)

"""Measurements as NDJSON: a Flask generator on gunicorn's threads."""

import json
import secrets
import threading
import time
from queue import Empty, Queue

from flask import Flask, Response, request, stream_with_context

REMARKS = ["calm", "gusts\nfrom the west", "first\r\nsecond", 'a \\ and a "', "trailing newline\n", "≈ 6 °C 🌧"]

app = Flask(__name__)
stats = {"produced": 0, "open": 0, "cancelled": 0, "ended": 0}
lock = threading.Lock()
new_measurements = Queue()


def count(**changes):
    with lock:
        for name, by in changes.items():
            stats[name] += by


def ndjson(rows):
    @stream_with_context
    def generate():
        count(open=1)
        try:
            for row in rows:
                count(produced=1)
                yield json.dumps(row) + "\n"
        except GeneratorExit:
            count(cancelled=1)
            raise
        finally:
            count(open=-1, ended=1)

    return Response(generate(), mimetype="application/x-ndjson")


def measurements(number):
    for n in range(1, number + 1):
        yield {"n": n, "celsius": 20 + n / 10}


@app.get("/measurements")
def all_measurements():
    return ndjson(measurements(100))


@app.get("/measurements/yesterday")
def yesterday():
    return ndjson(measurements(0))


@app.get("/measurements/faulty")
def faulty():
    def read():
        yield from measurements(3)
        raise OSError("the sensor does not answer")

    return ndjson(read())


@app.get("/measurements/live")
def live():
    def arriving():
        yield {"n": 1, "celsius": 21.5}
        while True:
            try:
                yield new_measurements.get(timeout=60)
            except Empty:
                return

    return ndjson(arriving())


@app.get("/measurements/raw")
def raw():
    number = request.args.get("n", 1000, type=int)
    return ndjson({"n": n, "raw": secrets.token_urlsafe(720)} for n in range(1, number + 1))


@app.get("/remarks")
def remarks():
    return ndjson({"n": n, "text": text} for n, text in enumerate(REMARKS, 1))


@app.get("/calibration")
def calibration():
    def steps():
        yield {"n": 1, "state": "calibrating"}
        time.sleep(0.3)
        yield {"n": 2, "state": "calibrated"}

    return ndjson(steps())


@app.get("/pulse")
def pulse():
    def beats():
        n = 0
        while True:
            n += 1
            yield {"n": n}
            time.sleep(0.03)

    return ndjson(beats())


@app.get("/stats")
def read_stats():
    with lock:
        return dict(stats)

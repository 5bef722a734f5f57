"""What Locust runs: a user that is only a controller. It starts the engine, a process of its own, and puts together
what that says: into Locust's own figures, for Locust's screens, and into ours, from which everything is judged.

The only module that imports gevent and Locust, and it is imported by Locust alone. Never here: a stream, a socket to a
target, a verdict.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gevent  # type: ignore[import-untyped]  # it has no types
from gevent import os as gevent_os
from gevent import subprocess
from gevent.event import Event  # type: ignore[import-untyped]  # likewise
from locust import User, constant, events, task
from locust.runners import MasterRunner, WorkerRunner

from streamspec.harness.load.controller import Controller
from streamspec.harness.load.frames import FrameError, FrameReader, frame
from streamspec.harness.load.screens import into_stats

if TYPE_CHECKING:
    from locust.env import Environment

ORDER: Final = "STREAMSPEC_LOAD"  # names the file that says what is to be done; a worker has none, and is told
CHILD: Final = "streamspec.harness.load_child"
MSG_JOB, MSG_FRAME, MSG_STOP = "streamspec-job", "streamspec-frame", "streamspec-stop"
READ_BYTES: Final = 65_536
EVERY_S: Final = 1.0
SILENT_S: Final = 20.0  # an engine speaks once a second
FINAL_S: Final = 12.0  # from when an engine is told to stop until its final word
STDIN: Final = 0


class Hub:
    """What this process of Locust does: as the local or the master runner it puts together and writes the result; as
    the local or a worker one it has an engine."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.runner: Any = environment.runner
        self.is_master = isinstance(self.runner, MasterRunner)
        self.is_worker = isinstance(self.runner, WorkerRunner)
        order = os.environ.get(ORDER, "")
        self.order: dict[str, Any] = json.loads(Path(order).read_text("utf-8")) if order else {}
        self.controller = Controller(int(self.order.get("expected", 1)))
        self.lanes: dict[str, str] = {}  # the name of each engine, by the client id of its worker
        self.heard_s: dict[str, float] = {}
        self.job: dict[str, Any] = {}
        self.engine: Engine | None = None
        self.over = Event()

    # -- putting together ------------------------------------------------------------------------------------------

    def take(self, name: str, said: dict[str, Any]) -> None:
        """One frame of an engine."""
        self.heard_s[name] = time.monotonic()
        added = self.controller.take(name, said)
        if added is not None and not self.is_master:  # a worker's figures reach the master's screens by Locust itself
            into_stats(self.runner.stats, added)

    def watch(self) -> None:
        """Write down what there is, once a second, and end when all of it came."""
        while not self.controller.over:
            gevent.sleep(EVERY_S)
            self._miss()
            self.write()
        self.end()

    def _miss(self) -> None:
        for client, name in self.lanes.items():
            there: Any = self.runner.clients.get(client) if self.is_master else self.runner
            silent_s = time.monotonic() - self.heard_s.get(name, time.monotonic())
            if name in self.controller.workers and self.controller.workers[name].final:
                continue
            if there is None or (self.is_master and there.state == "missing"):
                self.controller.lost(name, "its worker is not there any more")
            elif silent_s > SILENT_S:
                self.controller.lost(name, f"it said nothing for {silent_s:.0f} s")

    def write(self) -> None:
        if not self.order:
            return
        place = Path(self.order["result"])
        fresh = place.with_suffix(".new")
        fresh.write_text(json.dumps(self.controller.to_json()), "utf-8")
        fresh.replace(place)

    def end(self) -> None:
        """Once: whoever comes first, the last word or a wish to stop."""
        self.write()
        if not self.over.is_set():
            self.over.set()
            self.runner.quit()

    # -- commanding ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Locust begins: each engine is told its part, and started where it is to be. All workers that are there take
        part, whether or not Locust gives them a user."""
        if self.is_master:
            ready = list(self.runner.clients.ready)
            self.controller.expected = max(self.controller.expected, len(ready))
            for lane, client in enumerate(ready):
                name = str(lane + 1)
                self.lanes[client.id] = name
                self.heard_s[name] = time.monotonic()
                self.runner.send_message(MSG_JOB, _lane(self.order["job"], lane, len(ready)), client.id)
            gevent.spawn(self.watch)
        elif not self.is_worker:
            self.lanes["1"] = "1"
            self.heard_s["1"] = time.monotonic()
            self.job = self.order["job"]
            gevent.spawn(self.watch)
        self._open()

    def _open(self) -> None:
        """Start this process's engine. A master has none, nor has a worker that came too late to be told."""
        if self.engine is None and self.job:
            self.engine = Engine(self.job, self._said, self._gone)

    def _said(self, said: dict[str, Any]) -> None:
        if not self.is_worker:
            self.take("1", said)
            return
        if (added := self.controller.take("1", said)) is not None:
            into_stats(self.runner.stats, added)
        self.runner.send_message(MSG_FRAME, {"frame": said})

    def _gone(self, why: str) -> None:
        """The engine is not there any more; that is a problem unless it had its final word."""
        worker = self.controller.workers.get("1")
        if worker and worker.final:
            return
        if self.is_worker:
            self.runner.send_message(MSG_FRAME, {"frame": {"op": "fatal", "message": why}})
        else:
            self.controller.lost("1", why)

    def hear_frame(self, environment: Environment, msg: Any) -> None:  # noqa: ARG002 -- Locust's shape
        """A master hears a worker's engine."""
        if (name := self.lanes.get(msg.node_id)) is not None:
            self.take(name, msg.data["frame"])

    def hear_job(self, environment: Environment, msg: Any) -> None:  # noqa: ARG002 -- likewise
        self.job = msg.data

    def hear_stop(self, environment: Environment, msg: Any) -> None:  # noqa: ARG002 -- likewise
        if self.engine:
            self.engine.stop()

    def end_test(self) -> None:
        """Locust stops its users; a master's workers are stopped by its word."""
        if not self.is_master:
            self.stop()

    def stop(self) -> None:
        """Somebody wants an end: engines leave their streams and have their final word, within `FINAL_S`."""
        if self.controller.over:
            return
        self.controller.stopped = True
        if self.is_master:
            for client in self.lanes:
                with contextlib.suppress(KeyError):
                    self.runner.send_message(MSG_STOP, {}, client)
            self.over.wait(FINAL_S)
        elif self.engine:
            self.engine.stop()
            self.engine.ended.wait(FINAL_S)


class Engine:
    """The engine's process, and the greenlet that reads what it says."""

    def __init__(self, job: dict[str, Any], said: Any, gone: Any) -> None:
        self._said, self._gone = said, gone
        self._process = subprocess.Popen(
            [sys.executable, "-m", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is ours to handle
        )
        self.ended = Event()
        self._process.stdin.write(frame("open", job=job))
        self._process.stdin.flush()
        gevent.spawn(self._read)

    def _read(self) -> None:
        reader, why = FrameReader(), "the engine ended without its final word"
        end = self._process.stdout.fileno()
        gevent_os.make_nonblocking(end)
        try:
            while data := gevent_os.nb_read(end, READ_BYTES):
                for said in reader.feed(data):
                    self._said(said)
            reader.end()
        except (FrameError, OSError) as error:
            why = f"the engine said what cannot be read: {error}"
        finally:
            self.stop()
            if self._process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(FINAL_S)
            if self._process.poll() is None:
                self._process.kill()
            self._gone(f"{why} (exit code {self._process.poll()})")
            self.ended.set()

    def stop(self) -> None:
        """Its stdin ends, and so does it. May be called again."""
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()


def _lane(job: dict[str, Any], lane: int, lanes: int) -> dict[str, Any]:
    """One engine's part: its share of the streams that may be open, and every so manieth stream that is due."""
    wanted = job["wanted"]
    share = wanted["streams"] // lanes + (lane < wanted["streams"] % lanes)
    return {**job, "wanted": {**wanted, "streams": max(1, share), "lane": lane, "lanes": lanes}}


class Streams(User):
    """One a process. It opens nothing itself."""

    wait_time = constant(1)

    @task
    def control(self) -> None:
        hub: Hub = self.environment.streamspec
        hub.over.wait()


def _init(environment: Environment, **_: Any) -> None:
    hub = Hub(environment)
    environment.streamspec = hub  # type: ignore[attr-defined]  # Locust's place for what a locustfile shares
    for name, heard in ((MSG_FRAME, hub.hear_frame), (MSG_JOB, hub.hear_job), (MSG_STOP, hub.hear_stop)):
        hub.runner.register_message(name, heard)
    for event, told in (("test_start", hub.begin), ("test_stop", hub.end_test), ("quitting", hub.stop)):
        getattr(events, event).add_listener(lambda told=told, **_: told())
    gevent.spawn(_until_stdin_ends, hub)


events.init.add_listener(_init)  # type: ignore[no-untyped-call]  # Locust's own hooks have no types


def _until_stdin_ends(hub: Hub) -> None:
    """Whoever started us holds our stdin: its end is their word for stop, or their death."""
    gevent_os.make_nonblocking(STDIN)
    with contextlib.suppress(OSError):
        while gevent_os.nb_read(STDIN, READ_BYTES):
            pass
    hub.stop()
    hub.end()

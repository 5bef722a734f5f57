"""The reference as objects to be judged: what their factories show, and the broken ones by name."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from typing import Any

import pytest
from shells import Shells
from stream_stories import run

from streamspec.reference_impl import broken, objects
from streamspec.reference_impl.objects import AIO, AIO_TABLED, THREADS, THREADS_TABLED, Shell
from streamspec.reference_impl.stream import aio, tabled, threads
from streamspec.reference_impl.stream.dialect import RAFFEL
from streamspec.reference_impl.stream.marks import END

KINDS: dict[Shell, Any] = {
    AIO: aio.Stream,
    THREADS: threads.Stream,
    AIO_TABLED: tabled.AsyncStream,
    THREADS_TABLED: tabled.ThreadStream,
}
SHELLS = pytest.mark.parametrize("shell", KINDS, ids=["aio", "threads", "aio tabled", "threads tabled"])
NAMES = sorted(variant.name.replace("-", "_") for variant in broken.variants() if variant.where == "stream")


@SHELLS
def test_a_shell_called_makes_its_stream_with_the_options_it_was_given(shell: Shell) -> None:
    async def story() -> None:
        options: dict[str, Any] = {
            "dialect": RAFFEL,
            "send_timeout_s": 1.5,
            "deadline_s": 60.0,
            "idle_s": 30.0,
            "priority": 3,
        }
        stream = shell(4, **options)
        assert type(stream) is KINDS[shell]
        assert {name: getattr(stream, name) for name in options} == options
        assert stream.capacity == 4
        stream.cancel()  # and with it its timers

    run(story())


@SHELLS
def test_a_shell_called_without_options_leaves_the_defaults_to_its_stream(shell: Shell) -> None:
    async def story() -> None:
        names = inspect.signature(Shell.__call__).parameters.keys() - {"self"}
        ours, plain = shell(), KINDS[shell]()
        assert {name: getattr(ours, name) for name in names} == {name: getattr(plain, name) for name in names}

    run(story())


@SHELLS
def test_a_judge_can_read_off_a_shell_what_its_streams_take(shell: Shell) -> None:
    shown = inspect.signature(shell).parameters.keys()
    assert shown == inspect.signature(KINDS[shell]).parameters.keys() - {"parts"}


@SHELLS
def test_a_shell_says_what_no_look_could_find(shell: Shell) -> None:
    assert shell.claims == {"concurrent-senders", "rendezvous"}
    assert shell.starvation_bound == 8


@SHELLS
def test_a_shells_scheduler_receives_from_its_streams_within_its_bound(shell: Shell) -> None:
    async def story() -> None:
        shells = Shells(shell, shell.scheduler)
        streams = [await shells.stream_of("low"), await shells.stream_of(*["high"] * 9, priority=1)]
        expected = [*["high"] * shell.starvation_bound, "low", "high"]
        assert await shells.take_all(shell.scheduler(streams)) == expected

    run(story())


@pytest.mark.parametrize("named", [objects.aio, objects.threads], ids=["aio", "threads"])
def test_every_variant_of_the_stream_is_there_by_its_name(named: Any) -> None:
    assert NAMES
    assert dir(named) == NAMES
    for name in NAMES:
        assert isinstance(getattr(named, name), Shell)


def test_a_broken_shell_is_like_the_good_one_but_for_its_defect() -> None:
    async def story() -> None:
        good, drops = objects.AIO_TABLED(1), objects.aio.drops_when_full(1)
        assert type(good) is type(drops)
        for stream in (good, drops):
            await stream.send(1)
        sending = asyncio.create_task(good.send(2))
        await drops.send(2)
        received = [await good.receive(), await good.receive()]
        await sending
        assert received == [1, 2]
        drops.complete()
        assert [await drops.receive(), await drops.receive()] == [1, END]

    run(story())


def test_a_broken_shell_for_threads_has_the_same_defect() -> None:
    stream = objects.threads.drops_when_full(1)
    assert type(stream) is tabled.ThreadStream
    stream.send(1)
    stream.send(2)  # the good one would wait here
    stream.complete()
    assert [stream.receive(), stream.receive()] == [1, END]


def test_who_asks_for_an_unknown_variant_is_told_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"'no_such_thing'; there is .*drops_when_full, .*"):
        _ = objects.aio.no_such_thing


def test_a_variant_of_another_layer_is_no_stream() -> None:
    assert any(variant.name == "wrong-charset" for variant in broken.variants())
    assert not hasattr(objects.aio, "wrong_charset")


def test_no_variant_is_loaded_before_one_is_asked_for() -> None:
    code = (
        "import sys, copy, inspect\n"
        "from streamspec.reference_impl import objects\n"
        "copy.copy(objects.aio), inspect.unwrap(objects.threads), callable(objects.aio)\n"
        "print(*(name for name in sys.modules if name.startswith('streamspec.reference_impl.broken.')))\n"
        "objects.aio.drops_when_full\n"
        "print(*(name for name in sys.modules if name.endswith('.drops_when_full')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.splitlines() == ["", "streamspec.reference_impl.broken.drops_when_full"]

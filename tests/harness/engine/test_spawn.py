"""Targets that we start: ready when they listen, their output read, and nothing of them left, whatever they do."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import socket
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from streamspec.harness.core.errors import NoVerdict, UsageError
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS, Limits
from streamspec.harness.engine.free_port import free_port
from streamspec.harness.engine.process import lives
from streamspec.harness.engine.spawn import Spawned, meets_itself, spawned, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

FACT_S = 20.0  # a fact that does not come by then never comes

LISTEN = """
import os, signal, socket, sys, time
def serve(port=int(sys.argv[1])):
    listener = socket.create_server(("127.0.0.1", port))
    print("listening", flush=True)
    while True:
        listener.accept()[0].close()
def leave():
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
"""
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
SERVER = LISTEN + "serve()"
# A helper that leaves the tree, the group and the session, and says its number when it has done so.
WITH_LEAVER = (
    LISTEN
    + """
said, saying = os.pipe()
if os.fork() == 0:
    os.close(said)
    leave()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(saying, str(os.getpid()).encode())
    time.sleep(1000)
print("leaver", os.read(said, 20).decode(), flush=True)
serve()
"""
)


def command(program: str, *words: str) -> str:
    return shlex.join([sys.executable, "-I", "-S", "-c", program, "{port}", *words])


def spawning(
    program: str, *words: str, port: int = 0, limits: Limits = LIMITS, budgets: Mapping[str, float] = BUDGETS_MS
) -> AbstractAsyncContextManager[Spawned]:
    return spawned(command(program, *words), port or free_port(), limits, budgets)


def with_budgets(**budgets_ms: float) -> Mapping[str, float]:
    return {**BUDGETS_MS, **budgets_ms}


class ReadyRunsOut(dict[str, float]):
    """Budgets of which `ready_ms` runs out one look after something became the case, however slow this machine is."""

    def __init__(self, when: Callable[[], bool]) -> None:
        super().__init__(BUDGETS_MS)
        self._when = when
        self._looks = 0

    def __getitem__(self, name: str) -> float:
        if name == "ready_ms":
            self._looks += self._when()
        return 0.0 if name == "ready_ms" and self._looks > 1 else super().__getitem__(name)


async def until(fact: Callable[[], object]) -> None:
    async with asyncio.timeout(FACT_S):
        while not fact():  # noqa: ASYNC110 -- a fact outside of this process tells nobody
            await asyncio.sleep(0.002)


def is_there(pid: int) -> bool:
    """Whether a process of this number lives; it may go while it is looked at."""
    try:
        return lives(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def processes(target: Spawned) -> list[psutil.Process]:
    return [psutil.Process(pid) for pid in target.pids()]


def said_number(target: Spawned, word: str) -> int:
    return next(int(line.split()[1]) for line in target.last_words().splitlines() if line.startswith(word))


def accepts(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


async def refused(program: str, *words: str, port: int = 0, budgets: Mapping[str, float] = BUDGETS_MS) -> str:
    """What is said of a target that cannot be judged."""
    with pytest.raises(NoVerdict) as said:
        async with spawning(program, *words, port=port, budgets=budgets):
            pytest.fail("it was taken for ready")
    return str(said.value)


# -- the command ---------------------------------------------------------------------------------------------------


def test_the_port_is_put_into_words_that_no_shell_reads() -> None:
    words = words_of("serve --at='127.0.0.1:{port}' {port} $HOME ; echo {x}", 8000)
    assert words == ["serve", "--at=127.0.0.1:8000", "8000", "$HOME", ";", "echo", "{x}"]


@pytest.mark.parametrize(
    ("words", "why"), [("", "is empty"), ("  ", "is empty"), ("a 'b", "no closing quotation"), ("a \0", "contains NUL")]
)
def test_a_command_that_is_none_is_the_callers_fault(words: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        words_of(words, 1)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("absent", "No such file"),
        ("plain", "Permission denied"),
        ("empty", "Exec format error"),
        ("lost", "No such file"),
        ("plain/below", "Not a directory"),
    ],
)
def test_a_command_that_cannot_be_started_is_the_callers_fault(tmp_path: Path, name: str, why: str) -> None:
    for file, text, mode in (("plain", "x", 0o600), ("empty", "", 0o700), ("lost", "#!/no/such/interpreter\n", 0o700)):
        (tmp_path / file).write_text(text)
        (tmp_path / file).chmod(mode)

    async def main() -> None:
        async with spawned(str(tmp_path / name), free_port(), LIMITS, BUDGETS_MS):
            pytest.fail("it was started")

    with pytest.raises(UsageError, match=f"cannot be started: .*{name}: {why}"):
        asyncio.run(main())


# -- ready ---------------------------------------------------------------------------------------------------------


def test_a_target_that_listens_is_ready_and_gone_when_the_block_is_left() -> None:
    async def main() -> None:
        port = free_port()
        async with spawning(SERVER, port=port) as target:
            assert target.exit_note() == ""
            (one,) = processes(target)
            assert accepts(port)
        assert not lives(one)
        assert target.pids() == ()
        assert target.exit_note() == "the target was ended"
        assert target.survivors == ()
        assert not accepts(port)

    asyncio.run(main())


def test_a_target_has_our_environment_and_no_input_and_a_group_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_CALLER", "kept")
    told = "print(os.environ['OF_THE_CALLER'], sys.stdin.read() == '', os.getpgid(0) == os.getsid(0) == os.getpid())\n"

    async def main() -> str:
        async with spawning(LISTEN + told + "serve()") as target:
            await until(lambda: "listening" in target.last_words())
            return target.last_words()

    assert asyncio.run(main()).splitlines() == ["kept True True", "listening"]


def test_a_target_is_started_in_the_directory_that_is_given(tmp_path: Path) -> None:
    words = command(SERVER).replace("'{port}'", "$1")
    (tmp_path / "server").write_text(f"#!/bin/sh\npwd\nexec {words}\n")
    (tmp_path / "server").chmod(0o700)

    async def main() -> str:
        async with spawned("./server {port}", free_port(), LIMITS, BUDGETS_MS, tmp_path) as target:
            await until(lambda: "listening" in target.last_words())
            return target.last_words()

    assert asyncio.run(main()).splitlines() == [str(tmp_path.resolve()), "listening"]


def test_a_target_that_dies_before_it_listens_is_no_target_and_its_words_are_inert() -> None:
    dying = "import os, sys\nprint('out')\nsys.stdout.flush()\nos.write(2, b'\\x1b[31mno \\xff\\n')\nsys.exit(3)"
    said = asyncio.run(refused(dying))
    first, *lines = said.splitlines()
    assert re.fullmatch(
        r"the target exited with 3 after \d+\.\d s, before it listened at 127.0.0.1:\d+; it said last:", first
    )
    assert lines == ["out", "\\x1b[31mno �"]


def test_a_target_that_a_signal_ends_is_said_to_be_so() -> None:
    said = asyncio.run(refused("import os\nos.kill(os.getpid(), 9)"))
    assert said.startswith("the target exited with -9 (SIGKILL) after")
    assert said.endswith("it said nothing")


def test_a_target_that_ends_well_and_leaves_nothing_is_no_target() -> None:
    assert asyncio.run(refused("")).startswith("the target exited with 0 after")


def test_a_target_that_never_listens_is_waited_for_no_longer_than_its_budget() -> None:
    said = asyncio.run(refused("import time\ntime.sleep(1000)", budgets=with_budgets(ready_ms=200)))
    assert said.startswith("the target did not listen at 127.0.0.1:")
    assert said.endswith("within 0.2 s; it said nothing")


def test_a_target_that_listens_elsewhere_is_told_where_and_what_it_said() -> None:
    other = free_port()
    budgets = ReadyRunsOut(lambda: accepts(other))
    said = asyncio.run(refused(LISTEN + "print('up')\nserve(int(sys.argv[2]))", str(other), budgets=budgets))
    assert f"; it listens at 127.0.0.1:{other}; it said last:\nup" in said


def test_a_port_that_somebody_holds_is_said_before_anything_is_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = asyncio.run(refused("import sys\nopen(sys.argv[2], 'w')", str(started), port=port))
    assert said.startswith(f"port {port} is taken by another program, ")
    assert f"(pid {os.getpid()})" in said
    assert "give the target another port" in said
    assert not started.exists()


def test_a_port_that_somebody_else_takes_meanwhile_is_not_taken_for_the_target(tmp_path: Path) -> None:
    """Of what somebody else uses, no figure would say anything about the target."""
    started = tmp_path / "started"
    waiting = "import sys, time\nopen(sys.argv[2], 'w').close()\ntime.sleep(1000)"

    async def main() -> str:
        port = free_port()
        budgets = ReadyRunsOut(lambda: accepts(port))
        refusing = asyncio.create_task(refused(waiting, str(started), port=port, budgets=budgets))
        await until(started.exists)
        with socket.create_server(("127.0.0.1", port)):
            return await refusing

    said = asyncio.run(main())
    assert "did not listen at port" in said
    assert f"(pid {os.getpid()}) does" in said


def test_a_connection_to_itself_is_no_answer() -> None:
    with socket.socket() as alone:
        alone.bind(("127.0.0.1", 0))
        alone.connect(alone.getsockname())
        assert meets_itself(alone)
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_connection(other.getsockname()) as met:
        assert not meets_itself(met)


# -- output --------------------------------------------------------------------------------------------------------


def test_a_flood_of_output_neither_stops_the_target_nor_is_kept() -> None:
    flood = "for n in range(50):\n    os.write(1, b'x' * 1_048_575 + b'\\n')\n"
    limits = Limits(output_bytes=1_000)

    async def main() -> str:
        async with spawning(LISTEN + flood + "serve()", limits=limits) as target:
            await until(lambda: "listening" in target.last_words())
            return target.last_words()

    said = asyncio.run(main()).splitlines()
    assert len(said) == 2
    assert len(said[0]) <= 300
    assert said[1] == "listening"


# -- the end -------------------------------------------------------------------------------------------------------


def test_a_target_that_does_not_hear_sigterm_is_killed_and_named() -> None:
    async def main() -> tuple[Spawned, psutil.Process]:
        async with spawning(LISTEN + DEAF + "serve()", budgets=with_budgets(end_ms=200)) as target:
            (one,) = processes(target)
        return target, one

    target, one = asyncio.run(main())
    assert not lives(one)
    assert [name.partition(" ")[2] for name in target.survivors] == [f"(pid {one.pid})"]


def test_a_target_may_take_its_time_to_end() -> None:
    """It hears SIGTERM and ends later, in order: it is no survivor."""
    orderly = "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.1), os._exit(0)))\n"

    async def main() -> Spawned:
        async with spawning(LISTEN + orderly + "serve()") as target:
            pass
        return target

    assert asyncio.run(main()).survivors == ()


def test_a_worker_in_the_group_belongs_to_the_target_and_ends_with_it() -> None:
    forking = "listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\nos.fork()\ntime.sleep(1000)"

    async def main() -> list[psutil.Process]:
        async with spawning(LISTEN + forking) as target:
            await until(lambda: len(target.pids()) == 2)
            both = processes(target)
        assert target.survivors == ()
        return both

    assert not any(lives(process) for process in asyncio.run(main()))


def test_a_target_that_goes_into_the_background_is_found_and_ended() -> None:
    async def main() -> psutil.Process:
        async with spawning(LISTEN + "leave()\nserve()") as target:
            await until(lambda: len(target.pids()) == 1)
            (daemon,) = processes(target)
            assert daemon.ppid() != os.getpid()
            assert os.getsid(daemon.pid) != os.getsid(0)
            assert target.exit_note() == ""
        assert target.survivors == ()
        return daemon

    assert not lives(asyncio.run(main()))


def test_a_background_target_that_dies_is_missed() -> None:
    async def main() -> str:
        async with spawning(LISTEN + "leave()\nserve()") as target:
            await until(lambda: len(target.pids()) == 1)
            processes(target)[0].kill()
            await until(target.exit_note)
            return target.exit_note()

    assert asyncio.run(main()) == "the target ended, with 0"


def test_a_background_target_that_overwrote_its_environment_is_found_and_ended() -> None:
    """As whoever sets its title does: neither its tree nor its mark shows any more whose it is."""
    serving = LISTEN.replace("'", '"') + "serve()"
    titled = (
        LISTEN
        + f"leave()\nos.execve(sys.executable, [sys.executable, '-I', '-S', '-c', {serving!r}, sys.argv[1]], {{}})\n"
    )

    async def main() -> psutil.Process:
        async with spawning(titled) as target:
            await until(lambda: len(target.pids()) == 1)
            (daemon,) = processes(target)
            assert daemon.environ() == {}
            assert target.exit_note() == ""
        return daemon

    assert not lives(asyncio.run(main()))


def test_nothing_is_left_when_we_are_killed_outright() -> None:
    harness = f"""
import asyncio
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS
from streamspec.harness.engine.free_port import free_port
from streamspec.harness.engine.spawn import spawned
async def main():
    async with spawned({command(WITH_LEAVER)!r}, free_port(), LIMITS, BUDGETS_MS) as target:
        print(*target.pids(), flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""

    async def main() -> None:
        pipe = asyncio.subprocess.PIPE
        killed = await asyncio.create_subprocess_exec(sys.executable, "-c", harness, stdout=pipe)
        assert killed.stdout
        pids = [int(word) for word in (await killed.stdout.readline()).split()]
        assert len(pids) >= 2
        killed.kill()
        await killed.wait()
        await until(lambda: not any(map(is_there, pids)))

    asyncio.run(main())


def test_a_process_that_left_the_group_is_killed_and_named() -> None:
    async def main() -> tuple[psutil.Process, tuple[str, ...]]:
        async with spawning(WITH_LEAVER) as target:
            await until(lambda: "listening" in target.last_words())
            leaver = psutil.Process(said_number(target, "leaver"))
            assert leaver.pid in target.pids()
        return leaver, target.survivors

    leaver, survivors = asyncio.run(main())
    assert not lives(leaver)
    assert [name.partition(" ")[2] for name in survivors] == [f"(pid {leaver.pid})"]


def test_a_process_that_cleared_its_environment_is_still_known_from_before() -> None:
    """It has left the group and carries no mark any more; it was in the tree when we looked."""
    clearing = (
        LISTEN
        + """
child = os.fork()
if child == 0:
    os.setsid()
    os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", "import time; time.sleep(1000)"], {})
print("child", child, flush=True)
serve()
"""
    )

    async def main() -> psutil.Process:
        async with spawning(clearing) as target:
            await until(lambda: "listening" in target.last_words())
            child = psutil.Process(said_number(target, "child"))
            await until(lambda: not child.environ())
            assert child.pid in target.pids()
        return child

    assert not lives(asyncio.run(main()))


def test_nothing_is_left_of_a_target_that_died_and_left_somebody() -> None:
    dying = WITH_LEAVER.removesuffix("serve()\n") + "sys.exit(1)"
    said = asyncio.run(refused(dying, budgets=with_budgets(end_ms=300)))
    assert said.startswith("the target exited with 1 after")
    pid = int(said.splitlines()[-1].split()[1])
    assert not is_there(pid)


def test_a_cancelled_caller_leaves_nothing_behind() -> None:
    async def main() -> list[psutil.Process]:
        seen: list[psutil.Process] = []

        async def caller() -> None:
            async with spawning(WITH_LEAVER) as target:
                await until(lambda: "listening" in target.last_words() and len(target.pids()) == 2)
                seen.extend(processes(target))
                await asyncio.Event().wait()

        task = asyncio.create_task(caller())
        await until(lambda: len(seen) == 2)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        return seen

    assert not any(lives(process) for process in asyncio.run(main()))


def test_a_caller_that_is_cancelled_while_it_waits_for_the_target_leaves_nothing_behind(tmp_path: Path) -> None:
    number = tmp_path / "number"
    silent = "import os, sys, time\nopen(sys.argv[2], 'w').write(f'{os.getpid()}.')\ntime.sleep(1000)"

    async def main() -> psutil.Process:
        task = asyncio.create_task(refused(silent, str(number)))
        await until(lambda: number.exists() and number.read_text().endswith("."))
        one = psutil.Process(int(number.read_text()[:-1]))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        return one

    assert not lives(asyncio.run(main()))


def test_a_caller_that_is_cancelled_again_does_not_wait_for_a_deaf_target() -> None:
    """The target hears SIGTERM, says so, and stays; its budget is far longer than this test may take."""
    hearing = "signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'heard\\n'))\n"

    async def main() -> psutil.Process:
        targets: list[Spawned] = []

        async def caller() -> None:
            async with spawning(LISTEN + hearing + "serve()", budgets=with_budgets(end_ms=600_000)) as target:
                targets.append(target)
                await asyncio.Event().wait()

        task = asyncio.create_task(caller())
        await until(lambda: targets)
        (one,) = processes(targets[0])
        task.cancel()
        await until(lambda: "heard" in targets[0].last_words())
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        return one

    assert not lives(asyncio.run(main()))


def test_a_target_is_started_again_at_the_same_port_as_another_process() -> None:
    async def main() -> None:
        port = free_port()
        async with spawning(SERVER, port=port) as target:
            (first,) = processes(target)
            await target.respawn()
            (second,) = processes(target)
            assert first != second
            assert not lives(first)
            assert target.exit_note() == ""
            assert accepts(port)
        assert not lives(second)

    asyncio.run(main())


@pytest.mark.parametrize(("program", "ends"), [(SERVER, True), (LISTEN + DEAF + "serve()", False)])
def test_a_target_is_asked_to_end_and_not_made_to(program: str, *, ends: bool) -> None:
    async def main() -> None:
        port = free_port()
        async with spawning(program, port=port, budgets=with_budgets(end_ms=200)) as target:
            await target.ask_to_end()
            if ends:
                await until(target.exit_note)
                assert target.exit_note() == "the target exited with -15 (SIGTERM)"
            else:
                assert accepts(port)
                assert target.exit_note() == ""
            await target.respawn()
            assert accepts(port)

    asyncio.run(main())


def test_a_target_that_was_ended_is_asked_for_nothing() -> None:
    async def main() -> None:
        async with spawning(SERVER) as target:
            await target.end()
            await target.ask_to_end()
            assert target.exit_note() == "the target was ended"

    asyncio.run(main())


def test_a_target_that_dies_meanwhile_can_be_told_from_one_that_lives_and_started_again() -> None:
    async def main() -> None:
        async with spawning(SERVER) as target:
            os.kill(target.pids()[0], signal.SIGKILL)
            await until(target.exit_note)
            assert target.exit_note() == "the target exited with -9 (SIGKILL)"
            assert target.pids() == ()
            await target.respawn()
            assert target.exit_note() == ""

    asyncio.run(main())

"""A target that we start: a user's command line as a process of its own group, met over its port like any other server.

Its output is always read and only its last part kept; its end is ours to bring about, and nothing of it stays behind:
its parent is a `keeper`, which sees to that even when we are killed. Never here: what its process uses (`figures`), or
a word about what it serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from streamspec.harness.core.errors import InternalError, NoVerdict, UsageError
from streamspec.harness.core.inert import printable
from streamspec.harness.engine import keeper
from streamspec.harness.engine.clock import now_ns
from streamspec.harness.engine.process import Family, group_of, named
from streamspec.harness.engine.sockets import listeners, listens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from streamspec.harness.core.limits import Limits

HOST: Final = "127.0.0.1"
PORT_WORD: Final = "{port}"
MARK: Final = "STREAMSPEC_SPAWNED"  # with our own pid and a time: the name of a variable in the target's environment
POLL_MS: Final = 20.0  # from one look at a starting or an ending target to the next
CONNECT_MS: Final = 1_000.0  # one knock at the port
EMPTY_LOOKS: Final = 3  # a target that goes into the background may be missed by one look at all processes
LEAVERS_MS: Final = 200.0  # who left the group may end after it, for so long
AT_ONCE_S: Final = 2.0  # for the keeper, in an end that may not wait
KILL_ROUNDS: Final = 10  # and then for us
READ_BYTES: Final = 65_536
DRAINS: Final = 32  # reads of what is left in the pipe, before its last lines are shown
LINES_SHOWN: Final = 20
LINE_CHARS: Final = 300
SURVIVORS_NAMED: Final = 20
_CALLERS_FAULT: Final = frozenset({errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR, errno.ELOOP})


def words_of(command: str, port: int) -> list[str]:
    """The command line as words, `{port}` replaced; no shell reads it. Raises `UsageError`."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        shown = printable(command, LINE_CHARS)
        raise UsageError(f"the command cannot be read ({str(error).lower()}): {shown}") from error
    if not words:
        raise UsageError("the command to start the target with is empty")
    if any("\0" in word for word in words):
        raise UsageError("the command to start the target with contains NUL")
    return [word.replace(PORT_WORD, str(port)) for word in words]


@asynccontextmanager
async def spawned(
    command: str, port: int, limits: Limits, budgets: Mapping[str, float], directory: Path | None = None
) -> AsyncIterator[Spawned]:
    """The target while the block runs, from when it listens at `port`; it is started in `directory`, or where we are.
    Raises `UsageError` for a command that cannot be started, `NoVerdict` when the port is taken, or the target ends
    before it listens, or does not within `ready_ms`."""
    target = Spawned(words_of(command, port), port, limits, budgets, directory)
    try:
        await target.start()
        yield target
    finally:
        await target.end()


class Spawned:
    """A target's process that is ours (`process.ProcessTree`). Made by `spawned`.

    `survivors` names whoever was still there after the target was asked to end, and had to be killed."""

    def __init__(
        self, words: Sequence[str], port: int, limits: Limits, budgets: Mapping[str, float], directory: Path | None
    ) -> None:
        self._words = words
        self._directory = directory
        self._port = port
        self._limits = limits
        self._budgets = budgets
        self._life: _Life | None = None
        self.survivors: tuple[str, ...] = ()

    def pids(self) -> tuple[int, ...]:
        life = self._life
        return tuple(process.pid for process in life.living()) if life else ()

    def exit_note(self) -> str:
        """A first process that ended with 0 may have left the others in the background, to serve."""
        life = self._life
        if life is None:
            return "the target was ended"
        code = life.exit_code()
        if life.keeper.poll() is not None:
            return "the keeper of the target is gone"
        if code is None or (code == 0 and life.living()):
            return ""
        return f"the target exited with {_code(code)}" if code else "the target ended, with 0"

    def last_words(self) -> str:
        """The last lines of its output, made inert; empty when it said nothing."""
        return self._life.output.last_lines() if self._life else ""

    async def respawn(self) -> None:
        """End it and start it again, at the same port."""
        await self.end()
        await self.start()

    async def start(self) -> None:
        """Start it and wait until it listens."""
        assert self._life is None
        if await _answers(self._port):
            holder = listeners(self._port)
            raise NoVerdict(
                f"port {self._port} is taken by another program{f', {holder}' if holder else ''}: "
                "end that program, or give the target another port"
            )
        self._life = _begin(self._words, self._directory, self._limits)
        await self._ready(self._life)

    async def _ready(self, life: _Life) -> None:
        """A target that goes into the background ends its first process with 0; whatever else ends is dead."""
        empty = 0
        while True:
            code, gone = life.exit_code(), life.keeper.poll() is not None
            self._raise_if_refused(life)
            if gone:
                raise InternalError(f"the keeper of the target ended: {life.output.last_lines()}")
            living = life.living()
            empty = empty + 1 if code == 0 and not living else 0
            if code or empty >= EMPTY_LOOKS:
                lived = f"exited with {_code(code or 0)} after {life.age_s():.1f} s"
                raise _no_target(f"{lived}, before it listened at {HOST}:{self._port}", life)
            answers = await _answers(self._port)
            if answers and listens((process.pid for process in living), self._port) is not False:
                return
            if life.age_s() * 1e3 >= self._budgets["ready_ms"]:
                raise _no_target(self._unready(life, answers=answers), life)
            await asyncio.sleep(POLL_MS / 1e3)

    def _raise_if_refused(self, life: _Life) -> None:
        """A command that the system does not start is the caller's fault, as far as it is about the command."""
        if not (number := life.said(keeper.REFUSED)):
            return
        what = f"{printable(self._words[0], LINE_CHARS)}: {os.strerror(number)}"
        if number in _CALLERS_FAULT:
            raise UsageError(f"the command cannot be started: {what}")
        raise NoVerdict(f"the target could not be started: {what}")

    def _unready(self, life: _Life, *, answers: bool) -> str:
        """What was seen instead of a target that listens."""
        waited = f"within {self._budgets['ready_ms'] / 1e3:g} s"
        if not answers:
            return f"did not listen at {HOST}:{self._port} {waited}{_elsewhere(life)}"
        holder = listeners(self._port)
        return (
            f"did not listen at port {self._port} itself {waited}; {holder or 'a process that it did not start'} does. "
            "What was measured would not be the server: start the server itself, in the foreground"
        )

    async def ask_to_end(self) -> None:
        """SIGTERM, and nothing more: whoever goes on until `end` may."""
        if self._life:
            self._life.ask_to_end()

    async def end(self) -> None:
        """End all of it: SIGTERM, `end_ms`, SIGKILL. When even this is cut short, SIGKILL at once."""
        life = self._life
        if life is None:
            return
        try:
            await self._end(life)
        except BaseException:
            life.kill_at_once()
            raise
        finally:
            self._life = None
            life.close()

    async def _end(self, life: _Life) -> None:
        grouped = life.ask_to_end()
        deadline_ns = _from_now(self._budgets["end_ms"])
        while (left := life.living()) and now_ns() < deadline_ns:
            if grouped and not any(life.in_group(process) for process in left):
                grouped, deadline_ns = False, min(deadline_ns, _from_now(LEAVERS_MS))
            await asyncio.sleep(POLL_MS / 1e3)
        survivors = [named(process) for process in life.living(anew=True)]
        self.survivors = (*self.survivors, *survivors)[:SURVIVORS_NAMED]
        life.let_go()
        deadline_ns = _from_now(self._budgets["end_ms"])
        while now_ns() < deadline_ns:
            if life.keeper.poll() is not None and not life.kill():
                return
            await asyncio.sleep(POLL_MS / 1e3)
        life.kill()


@dataclass(frozen=True, slots=True)
class _Life:
    """One start of the target: its keeper, everybody who belongs to it, its output, and what the keeper said."""

    keeper: subprocess.Popen[bytes]
    family: Family
    output: _Output
    words: dict[str, int]
    began_ns: int

    def age_s(self) -> float:
        return (now_ns() - self.began_ns) / 1e9

    def living(self, *, anew: bool = False) -> tuple[psutil.Process, ...]:
        """Everybody but the keeper."""
        return tuple(process for process in self.family.living(anew=anew) if process.pid != self.keeper.pid)

    def said(self, word: str) -> int | None:
        """The number that the keeper said with this word."""
        assert self.keeper.stdout
        for line in (self.keeper.stdout.read() or b"").splitlines():
            name, _, number = line.decode().partition(" ")
            self.words[name] = int(number)
        return self.words.get(word)

    def exit_code(self) -> int | None:
        """Of its first process; None while that lives."""
        return self.said(keeper.EXITED)

    def in_group(self, process: psutil.Process) -> bool:
        return group_of(process.pid) == self.said(keeper.STARTED)

    def ask_to_end(self) -> bool:
        """SIGTERM to the group and True; or, when the target left its group as a daemon does, to everybody."""
        living, group = self.living(anew=True), self.said(keeper.STARTED)
        if group and any(self.in_group(process) for process in living):  # so the group's number is nobody else's
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGTERM)
            return True
        for process in living:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        return False

    def let_go(self) -> None:
        """Tell the keeper to end everybody, and itself."""
        assert self.keeper.stdin
        self.keeper.stdin.close()

    def kill(self) -> bool:
        """SIGKILL to everybody who is left, the keeper too; whether there was anybody."""
        left = self.family.living(anew=True)
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        return bool(left)

    def kill_at_once(self) -> None:
        self.let_go()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.keeper.wait(AT_ONCE_S)
        for _ in range(KILL_ROUNDS):
            if not self.kill():
                return
            time.sleep(POLL_MS / 1e3)

    def close(self) -> None:
        self.let_go()
        self.keeper.poll()
        assert self.keeper.stdout
        self.keeper.stdout.close()
        self.output.close()


class _Output:
    """A target's stdout and stderr as one pipe: read whenever something comes, only the end of it kept."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held = bytearray()
        self._end, self.target_end = os.pipe()
        os.set_blocking(self._end, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._end, self._more)

    def _more(self) -> bool:
        """Take what is there, at most one read; False when there is nothing."""
        try:
            data = os.read(self._end, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(self._end)
        self._held += data
        del self._held[: -self._limit_bytes]
        return bool(data)

    def last_lines(self) -> str:
        for _ in range(DRAINS):
            if not self._more():
                break
        lines = self._held.decode("utf-8", "replace").splitlines()
        return "\n".join(printable(line, LINE_CHARS) for line in lines[-LINES_SHOWN:])

    def close(self) -> None:
        self._loop.remove_reader(self._end)
        os.close(self._end)


def _begin(words: Sequence[str], directory: Path | None, limits: Limits) -> _Life:
    mark = f"{MARK}_{os.getpid()}_{now_ns()}"  # a name, not a value: a target may be somebody who spawns targets
    output = _Output(limits.output_bytes)
    try:
        kept = subprocess.Popen(  # noqa: S603 -- our own Python; the command is the user's
            [sys.executable, "-I", "-S", str(Path(keeper.__file__).resolve()), *words],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output.target_end,
            env={**os.environ, mark: "1"},
            start_new_session=True,  # Ctrl-C is ours to handle
            bufsize=0,
        )
    except OSError as error:
        output.close()
        raise InternalError(f"the keeper of a target could not be started: {error}") from error
    finally:
        os.close(output.target_end)
    assert kept.stdout
    os.set_blocking(kept.stdout.fileno(), False)
    return _Life(kept, Family(psutil.Process(kept.pid), mark), output, {}, now_ns())


def _no_target(what: str, life: _Life) -> NoVerdict:
    said = life.output.last_lines()
    return NoVerdict(f"the target {what}" + (f"; it said last:\n{said}" if said else "; it said nothing"))


def _elsewhere(life: _Life) -> str:
    """Where else it listens, in words."""
    places = set()
    for process in life.living():
        with contextlib.suppress(psutil.Error):
            found = process.net_connections("tcp")
            places |= {f"{s.laddr.ip}:{s.laddr.port}" for s in found if s.status == psutil.CONN_LISTEN and s.laddr}
    return f"; it listens at {', '.join(sorted(places))}" if places else ""


def _code(code: int) -> str:
    if code >= 0:
        return str(code)
    with contextlib.suppress(ValueError):
        return f"{code} ({signal.Signals(-code).name})"
    return str(code)


def _from_now(ms: float) -> int:
    return now_ns() + int(ms * 1e6)


async def _answers(port: int) -> bool:
    """Whether somebody accepts a connection at the port."""
    with socket.socket() as knock:
        knock.setblocking(False)  # noqa: FBT003 -- the socket's own shape
        try:
            async with asyncio.timeout(CONNECT_MS / 1e3):
                await asyncio.get_running_loop().sock_connect(knock, (HOST, port))
        except OSError:  # TimeoutError is one
            return False
        return not meets_itself(knock)


def meets_itself(connected: socket.socket) -> bool:
    """Whether a connection to a port where nobody listens was made from that very port, and so to itself: TCP's
    simultaneous open (RFC 9293 §3.5) makes that a connection, and whoever knocks often gets one."""
    own: object = connected.getsockname()
    peer: object = connected.getpeername()
    return own == peer

"""A target that is held open: opened once, each case played once, and ended for certain."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import pytest
from raw_server import CHUNKED_HEAD, chunk, event, path, request, serving

from streamspec.harness import config
from streamspec.harness.core.errors import NoVerdict
from streamspec.harness.core.run import EXIT_OK, exit_code
from streamspec.harness.discovery import all_rules
from streamspec.harness.held_target import HeldTarget, Part
from streamspec.harness.options import UNSAID, run_settings

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

GOOD: Final = CHUNKED_HEAD + chunk(event(1)) + b"0\r\n\r\n"
LOOK: Final = "conformance/look"


def held(url: str) -> HeldTarget:
    settings = run_settings(url, {**UNSAID, "no_config": True})
    return HeldTarget(lambda: Part(settings, config.selected(all_rules(), ("SSE-01", "SSE-02"))))


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def target(asked: list[str]) -> Iterator[HeldTarget]:
    def handler(connection: socket.socket) -> None:
        asked.append(path(request(connection)))
        connection.sendall(GOOD)

    with serving(handler) as url:
        made = held(url)
        yield made
        made.close()


def test_a_case_is_played_once(target: HeldTarget, asked: list[str]) -> None:
    first = target.result(LOOK)
    so_far = len(asked)
    assert target.result(LOOK) is first
    assert first is not None
    assert len(asked) == so_far


def test_there_is_no_result_of_a_case_that_there_is_not(target: HeldTarget) -> None:
    assert target.result("conformance/finite") is None
    rule = next(rule for rule in all_rules() if rule.id == "OI-02")
    assert "role:finite" in " ".join(target.lacks("conformance/finite", rule))


def test_it_opens_again_when_more_is_asked_and_keeps_what_it_has(target: HeldTarget) -> None:
    first = target.result(LOOK)
    target.close()
    assert target.result(LOOK) is first
    assert target.result("conformance/look-beside") is not None
    assert exit_code(target.run()) == EXIT_OK


def test_closing_ends_its_thread(target: HeldTarget) -> None:
    target.opened()
    target.close()
    target.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "streamspec-target"]


def test_a_target_that_cannot_be_judged_is_tried_once(asked: list[str]) -> None:
    def handler(connection: socket.socket) -> None:
        asked.append(path(request(connection)))
        connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")

    with serving(handler) as url:
        target = held(url)
        said = set()
        for _ in range(2):
            with pytest.raises(NoVerdict, match="answered 500") as raised:
                target.result(LOOK)
            said.add(str(raised.value))
        target.close()
    assert len(said) == 1
    assert len(asked) <= 2  # the two looks of one probe


def test_a_case_under_way_is_ended_by_closing() -> None:
    """As after Ctrl-C: whoever waits for the case has gone."""
    reached = threading.Event()
    probed = 0

    def handler(connection: socket.socket) -> None:
        nonlocal probed
        request(connection)
        probed += 1
        if probed <= 3:
            connection.sendall(GOOD)
            return
        reached.set()
        connection.recv(1)  # never answers

    with serving(handler) as url:
        target = held(url)
        target.opened()
        case = target.cases()[0]
        said: list[str] = []

        def wait() -> None:
            try:
                target.played(case)
            except NoVerdict as ended:
                said.append(str(ended))

        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        assert reached.wait(30)
        target.close()
        waiting.join(30)
    assert said == ["the target was ended"]


def test_an_object_is_held_open_too() -> None:
    settings = run_settings("", {**UNSAID, "object_": "asyncio:Queue"})
    target = HeldTarget(lambda: Part(settings, config.selected(all_rules(), ("OI-01",))))
    results = [target.played(case) for case in target.cases()[:2]]
    target.close()
    assert all(result.history for result in results)
    assert exit_code(target.run()) == EXIT_OK

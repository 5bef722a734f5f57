from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from streamspec.reference_impl.peers import MOST_PER_PEER, Peers, most_per_peer


class Transport(asyncio.Transport):
    """A connection with a peer, as far as it is counted."""

    def __init__(self, peer: object) -> None:
        super().__init__({"peername": peer})
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing


def of(*addresses: str) -> list[Transport]:
    return [Transport((address, port)) for port, address in enumerate(addresses)]


def test_a_peer_may_have_so_many_and_others_as_many() -> None:
    peers = Peers(2)
    ours, theirs = of("10.0.0.1", "10.0.0.1", "10.0.0.1"), of("10.0.0.2", "10.0.0.2")
    assert [peers.admits(one) for one in ours] == [True, True, False]
    assert [peers.admits(one) for one in theirs] == [True, True]


def test_one_that_closes_makes_room() -> None:
    peers = Peers(1)
    first, second, third = of("10.0.0.1", "10.0.0.1", "10.0.0.1")
    assert peers.admits(first)
    first.closing = True
    assert peers.admits(second)
    assert not peers.admits(third)


def test_one_that_is_gone_makes_room() -> None:
    peers = Peers(1)
    gone, other = of("10.0.0.1", "10.0.0.1")
    assert peers.admits(gone)
    del gone
    gc.collect()
    assert peers.admits(other)


def test_addresses_that_left_are_forgotten() -> None:
    peers = Peers(4)
    for n in range(100):
        assert peers.admits(Transport((f"10.0.0.{n}", 1)))
    gc.collect()
    peers.admits(Transport(("10.0.1.1", 1)))
    assert len(peers._connections) <= 5


@pytest.mark.parametrize("peer", [None, "", "a path of a local socket"])
def test_one_without_an_address_is_admitted(peer: Any) -> None:
    assert Peers(0).admits(Transport(peer))


def test_others_find_room_beside_a_peer_that_has_all_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 1_024))
    assert most_per_peer() == 768
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert most_per_peer() == MOST_PER_PEER

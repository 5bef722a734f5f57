"""Which streams share a connection, for all rules about carriers of several. Asked once for a history.

Never here: a rule, or what is seen on a connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.harness.core import standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History


def connection(h: History, session: str) -> str:
    """The session that opened the connection on which this one's stream is."""
    return h.kept("connections", lambda: dict(_connections(h))).get(session, session)


def _connections(h: History) -> Iterator[tuple[str, str]]:
    asked = {session: standing.ask_of(h, session).on for session in h.sessions()}
    for session in asked:
        link, seen = session, {session}
        while (on := asked[link]) in asked and on not in seen:
            link = on
            seen.add(on)
        yield session, link


def sharing(h: History, session: str) -> tuple[str, ...]:
    """The sessions whose streams are on the same connection, this one too, in the order of the script."""
    link = connection(h, session)
    return h.kept("shared connections", lambda: _shared(h)).get(link, (session,))


def others_on(h: History, session: str) -> tuple[str, ...]:
    """The other streams of its connection."""
    return tuple(other for other in sharing(h, session) if other != session)


def _shared(h: History) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for session in h.sessions():
        link = connection(h, session)
        found[link] = (*found.get(link, ()), session)
    return found

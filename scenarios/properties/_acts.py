"""What a client of a server does, drawn: how it asks, stands still, and leaves. Shared by the properties about servers.

Every wait is bounded by the named budget of an act, and what is drawn is what any client may do. Never here: what a
server sends, or an expectation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.script import Act, Ask, Cancel, Pass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.case import Capabilities

PIECES: Final = (0, 0, 0, 1, 7, 61)  # octets of a segment of the request; 0: all in one
CODINGS: Final = ("", "", "", "gzip")
STALLS_MS: Final = (1, 5, 20, 100, 300)
SESSIONS_MAX: Final = 6
NOTHING: Final = ()  # our orderly close, when the acts are over


def asks() -> Any:
    """Ways to ask for a stream that are all as anybody asks for one."""
    from hypothesis import strategies as st

    narrow = st.sampled_from((False, False, True))
    return st.builds(Ask, coding=st.sampled_from(CODINGS), narrow=narrow, pieces=st.sampled_from(PIECES))


def stalls() -> Any:
    from hypothesis import strategies as st

    return st.builds(Pass, st.sampled_from(STALLS_MS))


def leavings() -> Any:
    """How a client leaves before the stream ends; one of them by its close alone."""
    from hypothesis import strategies as st

    ways: tuple[tuple[Act, ...], ...] = (NOTHING, (Cancel("fin"),), (Cancel("rst"),))
    return st.sampled_from(ways)


def several(session: Any) -> Any:
    """Some sessions, at most `SESSIONS_MAX`; no number of them is more likely than another."""
    from hypothesis import strategies as st

    return st.integers(1, SESSIONS_MAX).flatmap(lambda n: st.lists(session, min_size=n, max_size=n))


def together(target: Capabilities) -> Any:
    """Whether the sessions of a script are open at once, where the target serves several. Mostly: it costs no time."""
    from hypothesis import strategies as st

    return st.sampled_from((False,) if target.serial else (*(True,) * 4, False))


def weighted(known: Mapping[str, Any], weights: Mapping[str, int]) -> Any:
    """One of these strategies, each as often as its weight says; the first is the simplest."""
    from hypothesis import strategies as st

    words = [word for word, weight in weights.items() if word in known for _ in range(weight)]
    return st.sampled_from(words).flatmap(known.__getitem__)

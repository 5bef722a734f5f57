"""What time means to a stream, as arithmetic."""

from __future__ import annotations

import pytest

from streamspec.reference_impl.stream.times import Times, left_s, remaining_s


@pytest.mark.parametrize(
    ("times", "left", "remaining"),
    [
        (Times(7, 5, 6), None, None),
        (Times(7, 5, 6, deadline_s=10), 8, 8),
        (Times(7, 5, 6, idle_s=3), 2, None),
        (Times(7, 5, 6, deadline_s=10, idle_s=3), 2, 8),
        (Times(14, 5, 13, deadline_s=10, idle_s=3), 1, 1),
        (Times(7, 5, 5, deadline_s=0), -2, 0),
    ],
)
def test_the_nearer_limit_ends_a_stream_and_the_deadline_alone_is_told(
    times: Times, left: float | None, remaining: float | None
) -> None:
    assert left_s(times) == left
    assert remaining_s(times) == remaining

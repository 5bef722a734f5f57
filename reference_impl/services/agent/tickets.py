"""`Tickets`: in each session one request after the other, in the order in which they were submitted. Pure.

A ticket has a generation that no other ever has: whoever is late in removing an old one leaves the newer ones alone.
Never here: a lock (the queue's holds), or what is said in a session.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ticket:
    """Of a request in its session, if it has one: without it a request waits for no other."""

    session: str
    generation: int


class Tickets:
    """Of all requests that are not over."""

    __slots__ = ("_generation", "_of")

    def __init__(self) -> None:
        self._of: dict[str, deque[Ticket]] = {}
        self._generation = 0

    def add(self, session: str) -> Ticket:
        self._generation += 1
        ticket = Ticket(session, self._generation)
        if session:
            self._of.setdefault(session, deque()).append(ticket)
        return ticket

    def is_next(self, ticket: Ticket) -> bool:
        return not ticket.session or self._of[ticket.session][0] is ticket

    def remove(self, ticket: Ticket) -> None:
        """Of one that is not there, nothing."""
        tickets = self._of.get(ticket.session)
        if tickets is not None and ticket in tickets:
            tickets.remove(ticket)
            if not tickets:
                del self._of[ticket.session]

    def of(self, session: str) -> tuple[Ticket, ...]:
        return tuple(self._of.get(session, ()))

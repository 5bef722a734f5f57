"""A survey as people and machines read it. Text out, every word of others inert.

Never here: what is found, or a configuration (`target_words`).
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from streamspec.harness.core.inert import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.survey.found import Listed, Method, Place, Survey, Use


def table(survey: Survey, *, unary: bool = False) -> str:
    """A line a method, below it everywhere else that it stands; then calls on streams of no method that is known."""
    chosen = chosen_of(survey, unary=unary)
    rows = [row for one in chosen for row in _rows(one)]
    lines = list(_aligned([("KIND", "METHOD", "REQUEST -> RESPONSE", "WHERE"), *rows])) if rows else []
    if survey.uses:
        lines += ["", "Go code with a stream of no method above:"]
        lines += _aligned([("  ", _kind_of(use), _calls(use), where(use.place)) for use in survey.uses])
    for note in survey.notes:
        lines.append(f"note: {where(note.place)}: {printable(note.text)}")
    return "\n".join([*lines, _summary(survey, chosen)]) + "\n"


def chosen_of(survey: Survey, *, unary: bool) -> tuple[Listed, ...]:
    """Those that stream, or all."""
    return tuple(one for one in survey.methods if unary or one.streams)


def where(place: Place) -> str:
    """`orders.proto:12`."""
    name = printable(place.file)
    return f"{name}:{place.line}" if place.line else name


def types_of(one: Listed) -> str:
    """`ListRequest -> Order`, empty where nothing is known of either."""
    told = f"{one.request or '?'} -> {one.response or '?'}" if one.request or one.response else ""
    return printable(told)


def kind_shown(one: Listed) -> str:
    """The kind, with a mark where it was inferred."""
    return one.kind if one.exact else f"{one.kind} (inferred)"


def _rows(one: Listed) -> Iterator[tuple[str, ...]]:
    head = (kind_shown(one), printable(one.full_name), types_of(one))
    first, *others = one.methods
    places = [where(method.place) for method in others]
    if one.exact:
        places += [f"{where(use.place)} {use.function}" for use in one.uses if use.handles]
        yield (*head, where(first.place))
    else:
        yield (*head, f"{where(first.place)} {next((u.function for u in one.uses if u.place == first.place), '')}")
        places += [f"{where(u.place)} {u.function}" for u in one.uses if u.handles and u.place != first.place]
    for place in places:
        yield ("", "", "", place)


def _kind_of(use: Use) -> str:
    return f"{printable(use.function)} {printable(use.receiver)}".strip()


def _calls(use: Use) -> str:
    side = f", a {use.side}'s side" if use.side else ""
    return f"{', '.join(dict.fromkeys(call.name for call in use.calls))}{side}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    for row in rows:
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()


def _summary(survey: Survey, chosen: Sequence[Listed]) -> str:
    kinds = Counter(one.kind for one in chosen)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    streams = sum(one.streams for one in chosen)
    read = f" in {_several(survey.files, 'file')}" if survey.files else ""
    return f"{_several(streams, 'streaming method')}{f' ({told})' if told else ''}{read}"


def _several(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def document(survey: Survey, *, unary: bool = False) -> str:
    """The same as JSON: `version` 1, and every place and call."""
    found = {
        "version": 1,
        "source": survey.source,
        "files": survey.files,
        "methods": [_method(one) for one in chosen_of(survey, unary=unary)],
        "uses": [_use(use) for use in survey.uses],
        "notes": [{**_place(note.place), "text": note.text} for note in survey.notes],
    }
    return json.dumps(found, indent=1) + "\n"


def _method(one: Listed) -> dict[str, Any]:
    return {
        "service": one.service,
        "method": one.name,
        "kind": one.kind,
        "exact": one.exact,
        "request": one.request,
        "response": one.response,
        "places": [_declared(method) for method in one.methods],
        "uses": [_use(use) for use in one.uses],
    }


def _declared(method: Method) -> dict[str, Any]:
    return {**_place(method.place), "origin": method.origin}


def _use(use: Use) -> dict[str, Any]:
    calls = [{"call": call.name, "line": call.line, "goroutine": call.apart} for call in use.calls]
    about = {"function": use.function, "stream": use.receiver, "side": use.side, "handles": use.handles}
    return {**_place(use.place), **about, "calls": calls}


def _place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line}

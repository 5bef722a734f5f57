"""A query string's texts as what a schema wants: `limit=5` is a number where a number is wanted, and a text elsewhere.

Pure: schemas are JSON Schema documents, values what JSON has. Never here: whether a value fits (that is the schema's),
or how a query is taken apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from streamspec.reference_impl.services.framework.faults import Misfit

Node = Mapping[str, Any]  # a part of a JSON Schema document

TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}
DEEPEST: Final = 16  # references and alternatives, one within the other: a schema may contain itself
_COMPOSED: Final = ("array", "object")


def read_query(texts: object, document: Node) -> dict[str, object]:
    """The texts of a query by name, several of one name as a list, as a JSON value for a schema. Never refuses a text:
    one that is nothing that is wanted stays a text, about which the schema complains. Raises `Misfit` for no query."""
    properties, others = _members(document)
    return {name: _read(given, properties.get(name, others), document) for name, given in _texts(texts).items()}


def read_without_schema(texts: object) -> dict[str, object]:
    """The same where nothing is wanted: what is JSON is read as such, anything else is a text."""
    return {name: _read(given, {}, {}) for name, given in _texts(texts).items()}


def _texts(texts: object) -> Mapping[str, str | list[str]]:
    if texts is None:
        return {}
    if not isinstance(texts, Mapping):
        raise Misfit("", "a query has names and texts")
    return texts


def _read(given: str | list[str], node: Node, document: Node) -> object:
    kinds = _kinds(node, document)
    if isinstance(given, list):
        if "array" not in kinds:
            return _read(given[-1], node, document)  # of several the last counts, as in the system this was learnt from
        return [_read(text, item, document) for text, item in zip(given, _items(node, document, given), strict=True)]
    if "string" in kinds:
        return given
    if kinds == {"boolean"} and given in TRUTHS:
        return TRUTHS[given]
    value = _json(given)
    if kinds and _kind(value).isdisjoint(kinds):
        return _read([given], node, document) if "array" in kinds else given
    return value


def _json(text: str) -> object:
    """What the text is as JSON; the text where it is none."""
    # JSON allows white space around a value; who sends it in a query means it.
    if text != text.strip():
        return text
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):  # UnicodeEncodeError is a ValueError as well: a lone surrogate
        return text


def _kind(value: object) -> frozenset[str]:
    """The names that JSON Schema has for a value's type."""
    # In this order: True is an int as well.
    kinds: tuple[tuple[type, tuple[str, ...]], ...] = (
        (bool, ("boolean",)),
        (int, ("integer", "number")),
        (float, ("number",)),
        (str, ("string",)),
        (list, ("array",)),
        (dict, ("object",)),
    )
    return frozenset(next((names for kind, names in kinds if isinstance(value, kind)), ("null",)))


def _kinds(node: Node, document: Node) -> frozenset[str]:
    """The types that a schema lets pass; nothing where it does not say."""
    kinds: set[str] = set()
    for part in _alternatives(node, document):
        named = part.get("type", ())
        kinds.update((named,) if isinstance(named, str) else named)
        for value in (*part.get("enum", ()), *((part["const"],) if "const" in part else ())):
            kinds |= _kind(value)
    return frozenset(kinds)


def _members(document: Node) -> tuple[Mapping[str, Node], Node]:
    """What a schema says of an object's members by name, and of all others."""
    properties: dict[str, Node] = {}
    others: Node = {}
    for part in _alternatives(document, document):
        for name, node in part.get("properties", {}).items():
            known = properties.get(name)
            properties[name] = node if known is None else {"anyOf": [known, node]}
        if isinstance(part.get("additionalProperties"), Mapping):
            others = part["additionalProperties"]
    return properties, others


def _items(node: Node, document: Node, given: Iterable[str]) -> Iterable[Any]:
    """For each text the schema of its place in an array."""
    wanted = next((part for part in _alternatives(node, document) if "items" in part or "prefixItems" in part), {})
    places = wanted.get("prefixItems", ())
    rest = wanted.get("items")
    for place, _ in enumerate(given):
        yield places[place] if place < len(places) else rest if isinstance(rest, Mapping) else {}


def _alternatives(node: Node, document: Node, depth: int = 0) -> Iterable[Node]:
    """The parts of a schema, without references, of which a value may fit any or has to fit all."""
    if depth >= DEEPEST:
        return
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        found = document.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
        yield from _alternatives(found, document, depth + 1)
    yield node
    for word in ("anyOf", "oneOf", "allOf"):
        for part in node.get(word, ()):
            yield from _alternatives(part, document, depth + 1)

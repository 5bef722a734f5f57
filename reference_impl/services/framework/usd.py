"""The USD document: what streams there are, what they are asked with, what they send, and over which protocols.

An OpenAPI document with all that streams need under `x-usd`, as JSON. What Raffel's own has no word for (the input of a
server stream, the answer of a client stream, the protocols of one stream) is in members of the same kind, `x-usd-*`.
Never here: who serves it, or any protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from streamspec.reference_impl.services.framework.content_types import ContentTypes
    from streamspec.reference_impl.services.framework.procedure import Direction, Procedure
    from streamspec.reference_impl.services.framework.router import Router
    from streamspec.reference_impl.services.framework.schema import Schema

USD_VERSION: Final = "1.0.0"
OPENAPI_VERSION: Final = "3.1.0"
TITLE: Final = "Streams"
API_VERSION: Final = "1.0.0"
_LOCAL: Final = "#/$defs/"

_DIRECTIONS: Final[dict[Direction, str]] = {
    "server": "server-to-client",
    "client": "client-to-server",
    "bidi": "bidirectional",
}
# The document's table. JSON-RPC carries no stream, and is in no row.
_UPLOADING: Final = ("websocket", "tcp", "grpc")
PROTOCOLS: Final[dict[Direction, tuple[str, ...]]] = {
    "server": ("http", *_UPLOADING),
    "client": _UPLOADING,
    "bidi": _UPLOADING,
}


def usd_document(
    router: Router, title: str = TITLE, version: str = API_VERSION, description: str = ""
) -> dict[str, Any]:
    """All of it, for the streams that the router has now."""
    schemas: dict[str, Any] = {}
    endpoints = {
        procedure.name: _endpoint(procedure, router.content_types, schemas) for procedure in router.procedures()
    }
    info = {"title": title, "version": version} | ({"description": description} if description else {})
    return {
        "usd": USD_VERSION,
        "openapi": OPENAPI_VERSION,
        "info": info,
        "x-usd": {
            "protocols": ["streams", *PROTOCOLS["server"]],
            "streams": {"contentTypes": _content_types(router.content_types), "endpoints": endpoints},
        },
        "components": {"schemas": schemas},
    }


def _endpoint(procedure: Procedure, content_types: ContentTypes, schemas: dict[str, Any]) -> dict[str, Any]:
    """One stream; the schemas that it names are put with the others."""
    sent = _reference(procedure, "Input", procedure.input, schemas)
    answered = _reference(procedure, "Output", procedure.output, schemas)
    own = content_types.of(procedure)
    uploads = procedure.direction == "client"
    endpoint: dict[str, Any] = {
        "description": procedure.description or f"Stream: {procedure.name}",
        "direction": _DIRECTIONS[procedure.direction],
        "message": {
            "name": f"{_words(procedure.name)}Message",
            "contentType": own.default,
            "payload": (sent if uploads else answered) or {"type": "object"},
        },
        "x-usd-backpressure": True,  # of every stream here, whatever its direction
        "x-usd-protocols": list(PROTOCOLS[procedure.direction]),
    }
    if procedure.content_type is not None:
        endpoint["contentTypes"] = _content_types(own)
    if "." in procedure.name:
        endpoint["tags"] = [procedure.name.partition(".")[0]]
    if procedure.priority:
        endpoint["x-usd-priority"] = procedure.priority
    if sent is not None and not uploads:
        endpoint["x-usd-input"] = {"payload": sent}
    if answered is not None and uploads:
        endpoint["x-usd-output"] = {"payload": answered}
    return endpoint


def _content_types(content_types: ContentTypes) -> dict[str, Any]:
    return {"default": content_types.default, "supported": list(content_types.supported)}


def _reference(
    procedure: Procedure, role: str, schema: Schema | None, schemas: dict[str, Any]
) -> dict[str, str] | None:
    """Where among all schemas this one is."""
    if schema is None:
        return None
    document = schema.output_schema() if role == "Output" else schema.json_schema()
    # Names have dots and dashes, and two of them may differ in nothing else: so the name itself, which is unique.
    name = f"{procedure.name}.{role}"
    schemas[name] = _moved({key: value for key, value in document.items() if key != "$defs"}, name)
    for local, definition in document.get("$defs", {}).items():
        schemas[f"{name}.{local}"] = _moved(definition, name)
    return {"$ref": f"#/components/schemas/{name}"}


def _moved(node: Any, name: str) -> Any:
    """A part of a schema, with its references as they are here, where its definitions are beside it."""
    if isinstance(node, list):
        return [_moved(part, name) for part in node]
    if not isinstance(node, Mapping):
        return node
    moved = {key: _moved(value, name) for key, value in node.items()}
    if "$ref" in moved:
        moved["$ref"] = _moved_reference(moved["$ref"], name)
    discriminator = moved.get("discriminator")
    if isinstance(discriminator, dict) and isinstance(discriminator.get("mapping"), dict):
        tags = discriminator["mapping"]
        discriminator["mapping"] = {tag: _moved_reference(reference, name) for tag, reference in tags.items()}
    return moved


def _moved_reference(reference: Any, name: str) -> Any:
    if isinstance(reference, str) and reference.startswith(_LOCAL):
        return f"#/components/schemas/{name}.{reference.removeprefix(_LOCAL)}"
    return reference


def _words(name: str) -> str:
    """`logs.tail-all` -> `LogsTailAll`."""
    parts = name.replace(".", "_").replace("-", "_").split("_")
    return "".join(part[:1].upper() + part[1:] for part in parts)

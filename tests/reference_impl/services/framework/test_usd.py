"""The USD document: every stream is in it, with its direction, its kinds, its schemas and its protocols."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import jsonschema
import msgspec
import pydantic
import pytest

from streamspec.reference_impl.services.framework.content_types import JSON, NDJSON
from streamspec.reference_impl.services.framework.router import Router
from streamspec.reference_impl.services.framework.usd import usd_document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Place(msgspec.Struct):
    line: int


class Tail(msgspec.Struct):
    limit: int = 100
    after: Place | None = None


class Inner(pydantic.BaseModel):
    text: str


class Entry(pydantic.BaseModel):
    message: str
    inner: list[Inner] = []


async def nothing() -> AsyncIterator[int]:
    return
    yield


def served() -> Router:
    router = Router()
    logs = router.stream("logs.tail").input(Tail).output(Entry).description("Stream log entries in real-time")
    logs.content_type(NDJSON).priority(3).handler(nothing)
    router.stream("files.upload").direction("client").input(dict[str, str]).output(dict[str, int]).handler(nothing)
    router.stream("chat").direction("bidi").handler(nothing)
    return router


def endpoint(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["x-usd"]["streams"]["endpoints"][name]
    return found


def test_the_head_says_what_kind_of_document_it_is() -> None:
    document = usd_document(served(), title="Logs", version="2.0.0", description="All of them")
    assert (document["usd"], document["openapi"]) == ("1.0.0", "3.1.0")
    assert document["info"] == {"title": "Logs", "version": "2.0.0", "description": "All of them"}
    assert set(document["x-usd"]["streams"]["endpoints"]) == {"logs.tail", "files.upload", "chat"}


def test_a_server_stream_is_described() -> None:
    document = usd_document(served())
    assert endpoint(document, "logs.tail") == {
        "description": "Stream log entries in real-time",
        "direction": "server-to-client",
        "message": {
            "name": "LogsTailMessage",
            "contentType": NDJSON,
            "payload": {"$ref": "#/components/schemas/logs.tail.Output"},
        },
        "contentTypes": {"default": NDJSON, "supported": [NDJSON, JSON]},
        "tags": ["logs"],
        "x-usd-backpressure": True,
        "x-usd-protocols": ["http", "websocket", "tcp", "grpc"],
        "x-usd-priority": 3,
        "x-usd-input": {"payload": {"$ref": "#/components/schemas/logs.tail.Input"}},
    }


def test_a_client_stream_shows_what_its_client_sends() -> None:
    upload = endpoint(usd_document(served()), "files.upload")
    assert upload["direction"] == "client-to-server"
    assert upload["message"]["payload"] == {"$ref": "#/components/schemas/files.upload.Input"}
    assert upload["x-usd-output"] == {"payload": {"$ref": "#/components/schemas/files.upload.Output"}}


def test_a_stream_of_which_nothing_is_said_is_there_as_well() -> None:
    assert endpoint(usd_document(served()), "chat") == {
        "description": "Stream: chat",
        "direction": "bidirectional",
        "message": {"name": "ChatMessage", "contentType": JSON, "payload": {"type": "object"}},
        "x-usd-backpressure": True,
        "x-usd-protocols": ["websocket", "tcp", "grpc"],
    }


@pytest.mark.parametrize(
    ("protocol", "server", "client", "bidi"),
    [
        ("http", True, False, False),
        ("websocket", True, True, True),
        ("tcp", True, True, True),
        ("grpc", True, True, True),
        ("jsonrpc", False, False, False),
    ],
)
def test_protocols_are_those_of_the_documents_table(protocol: str, *, server: bool, client: bool, bidi: bool) -> None:
    document = usd_document(served())
    shown = [protocol in endpoint(document, name)["x-usd-protocols"] for name in ("logs.tail", "files.upload", "chat")]
    assert shown == [server, client, bidi]


def test_the_default_of_all_streams_is_the_operators() -> None:
    router = served().enable_usd(streams={"content_types": {"default": JSON, "supported": [JSON, NDJSON]}})
    document = usd_document(router)
    assert document["x-usd"]["streams"]["contentTypes"] == {"default": JSON, "supported": [JSON, NDJSON]}
    assert "contentTypes" not in endpoint(document, "chat")


def test_every_reference_leads_somewhere_and_the_schemas_are_good() -> None:
    document = json.loads(json.dumps(usd_document(served())))
    schemas = document["components"]["schemas"]

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for part in node.values() for found in references(part)]
        return [found for part in node for found in references(part)] if isinstance(node, list) else []

    found = references(document)
    assert len(found) >= 6
    assert {reference.removeprefix("#/components/schemas/") for reference in found} <= set(schemas)
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    whole = {"$ref": "#/components/schemas/logs.tail.Output", "components": document["components"]}
    checker = jsonschema.Draft202012Validator(whole)
    assert checker.is_valid({"message": "m", "inner": [{"text": "t"}]})
    assert not checker.is_valid({"message": "m", "inner": [{"text": 5}]})


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    tricks: int


class PydanticCat(pydantic.BaseModel):
    type: Literal["cat"]


class PydanticDog(pydantic.BaseModel):
    type: Literal["dog"]


class PydanticPet(pydantic.BaseModel):
    pet: PydanticCat | PydanticDog = pydantic.Field(discriminator="type")


@pytest.mark.parametrize("model", [Cat | Dog, PydanticPet])
def test_the_tags_of_a_union_lead_somewhere(model: Any) -> None:
    router = Router()
    router.stream("pets").output(model).handler(nothing)
    schemas = usd_document(router)["components"]["schemas"]
    union = schemas["pets.Output"]
    mapping = union.get("properties", {}).get("pet", union)["discriminator"]["mapping"]
    assert set(mapping) == {"cat", "dog"}
    assert {reference.removeprefix("#/components/schemas/") for reference in mapping.values()} <= set(schemas)


def test_names_that_differ_in_a_dot_have_schemas_of_their_own() -> None:
    router = Router()
    router.stream("a.b").output(dict[str, int]).handler(nothing)
    router.stream("a_b").output(dict[str, str]).handler(nothing)
    assert set(usd_document(router)["components"]["schemas"]) == {"a.b.Output", "a_b.Output"}

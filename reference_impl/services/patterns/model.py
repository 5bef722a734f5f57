"""The messages of `streams.proto` as plain data, and how large they may be.

Never here: octets (`messages` has those), a store, gRPC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streamspec.reference_impl.grpc_names import MOST_MESSAGE_BYTES
from streamspec.reference_impl.stream.errors import Code, StreamError

MOST_NAME_BYTES: Final = 1_024  # of an item, in UTF-8
MOST_DATA_BYTES: Final = MOST_MESSAGE_BYTES - 2 * MOST_NAME_BYTES  # so that with name and id it is a message still

MOST_CONTENT_BYTES: Final = 64 * 1024  # of what is said in a chat, which lies in the queue of everybody else


@dataclass(frozen=True, slots=True)
class Item:
    """`id` is the store's, from 1; 0 is none yet."""

    id: int = 0
    name: str = ""
    data: bytes = b""

    @property
    def octets(self) -> int:
        """What it takes to hold it."""
        return len(self.name.encode()) + len(self.data)


@dataclass(frozen=True, slots=True)
class ListItemsRequest:
    prefix: str = ""
    after_id: int = 0


@dataclass(frozen=True, slots=True)
class GetItemRequest:
    id: int = 0


@dataclass(frozen=True, slots=True)
class DeleteItemRequest:
    id: int = 0


@dataclass(frozen=True, slots=True)
class DeleteItemResponse:
    """There is nothing more to say."""


@dataclass(frozen=True, slots=True)
class UploadResponse:
    item_count: int = 0
    total_size: int = 0


@dataclass(frozen=True, slots=True)
class ChatMessage:
    content: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True)
class StreamRequest:
    source: str = ""
    sizes: tuple[int, ...] = ()


def check_new(item: Item) -> None:
    """Raises INVALID_ARGUMENT for what the store cannot take as a new item."""
    if item.id:
        raise StreamError(Code.INVALID_ARGUMENT, "the store gives ids: a new item has none")
    check(item)


def check(item: Item) -> None:
    """Raises INVALID_ARGUMENT for an item that is too large to be kept."""
    if len(item.name.encode()) > MOST_NAME_BYTES:
        raise StreamError(Code.INVALID_ARGUMENT, f"a name has at most {MOST_NAME_BYTES} octets")
    if len(item.data) > MOST_DATA_BYTES:
        raise StreamError(Code.INVALID_ARGUMENT, f"an item has at most {MOST_DATA_BYTES} octets of data")


def check_message(message: ChatMessage) -> None:
    """Raises INVALID_ARGUMENT for what is too long to be said in a chat."""
    if len(message.sender.encode()) > MOST_NAME_BYTES:
        raise StreamError(Code.INVALID_ARGUMENT, f"a sender has at most {MOST_NAME_BYTES} octets")
    if len(message.content.encode()) > MOST_CONTENT_BYTES:
        raise StreamError(Code.INVALID_ARGUMENT, f"a message has at most {MOST_CONTENT_BYTES} octets of content")

"""What the warehouse can do, from the other side: python client.py 50051"""

import asyncio
import sys

import grpc

from streamspec.reference_impl.services.patterns.client import (
    ChatServiceStub,
    StreamServiceStub,
    chat,
    list_items,
    upload_items,
)
from streamspec.reference_impl.services.patterns.model import ChatMessage, Item, ListItemsRequest


async def main(port):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        client = StreamServiceStub(channel)

        response = await upload_items(client, [Item(name=f"box {n}", data=b"x" * n) for n in range(1, 4)])
        print(f"Uploaded: {response.item_count} items, {response.total_size} octets")

        await list_items(client, lambda item: print(f"Received: {item.id} {item.name}"), ListItemsRequest("box"))

        listener = client.Chat()
        await listener.initial_metadata()
        lines = [ChatMessage("hello", "client.py"), ChatMessage("goodbye", "client.py")]
        await chat(ChatServiceStub(channel), lines, lambda message: print(f"Heard: {message.content}"))
        await listener.done_writing()
        async for message in listener:
            print(f"Received: {message.sender} says {message.content}")

        try:
            await upload_items(client, [Item(id=7, name="box with an id")])
        except grpc.aio.AioRpcError as error:
            print(f"Refused: {error.code().name}, {error.details()}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

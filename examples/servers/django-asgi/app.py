"""A newsroom's feed as Server-Sent Events: Django's StreamingHttpResponse with async generators, in one file."""

# ruff: noqa: ARG001 -- the framework hands each handler its request

import asyncio
import json
import secrets

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import JsonResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY=secrets.token_urlsafe(32),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
)

HEADLINES = ["Rain", "Rain\nand wind", "Rain\r\nand\r\nwind", "Ends with a newline\n", "“Ça va” 😀"]

stats = {"produced": 0, "open": 0, "cancelled": 0, "ended": 0}
breaking_news = asyncio.Queue()


async def events(items):
    stats["open"] += 1
    try:
        async for item in items:
            stats["produced"] += 1
            yield f"data: {json.dumps(item)}\n\n"
    except (asyncio.CancelledError, GeneratorExit):
        stats["cancelled"] += 1
        raise
    finally:
        stats["open"] -= 1
        stats["ended"] += 1


def event_stream(items):
    return StreamingHttpResponse(events(items), content_type="text/event-stream", headers={"Cache-Control": "no-cache"})


async def articles(count):
    for n in range(1, count + 1):
        yield {"n": n, "title": f"article {n}"}


async def feed(request):
    return event_stream(articles(100))


async def retracted(request):
    return event_stream(articles(0))


async def wire(request):
    async def read():
        async for article in articles(3):
            yield article
        raise RuntimeError("the agency's line is down")

    return event_stream(read())


async def breaking(request):
    async def arriving():
        yield {"n": 1, "title": "nothing new"}
        while True:
            yield await breaking_news.get()

    return event_stream(arriving())


async def photos(request):
    async def stored(count):
        for n in range(1, count + 1):
            yield {"n": n, "photo": await read_photo()}

    return event_stream(stored(int(request.GET.get("n", "1000"))))


async def read_photo():
    await asyncio.sleep(0)  # here a file would be read
    return secrets.token_urlsafe(720)


async def headlines(request):
    async def texts():
        for text in HEADLINES:
            yield {"text": text}

    return event_stream(texts())


async def publish(request):
    async def steps():
        yield {"n": 1, "state": "in print"}
        await asyncio.sleep(0.3)
        yield {"n": 2, "state": "published"}

    return event_stream(steps())


async def readers(request):
    async def counted():
        await asyncio.sleep(0.1)
        n = 0
        while True:
            n += 1
            yield {"n": n}
            await asyncio.sleep(0.02)

    return event_stream(counted())


async def read_stats(request):
    return JsonResponse(stats)


urlpatterns = [
    path("feed", feed),
    path("feed/retracted", retracted),
    path("feed/wire", wire),
    path("feed/breaking", breaking),
    path("feed/photos", photos),
    path("feed/headlines", headlines),
    path("publish", publish),
    path("readers", readers),
    path("stats", read_stats),
]

application = get_asgi_application()

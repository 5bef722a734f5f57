# Plays the scripts of docs/contract.md with aiohttp: a StreamResponse, whose write waits while the socket is full.

import asyncio
import json
import secrets
from functools import lru_cache

from aiohttp import web

STEPS = ["send", "generate", "wait", "gate", "fail", "complete"]  # `complete` comes last, and so does the return
FORMS = {"sse": ("text/event-stream", "data: ", "\n\n"), "ndjson": ("application/x-ndjson", "", "\n")}
BEGUN = {"state": "playing", "called": 0, "sent": 0, "sending": 0, "cancel_seen": 0, "cleanups": 0}
FEATURES = {"contract": 1, "streams": {name: name for name in FORMS}, "steps": STEPS, "witness": list(BEGUN)}


@lru_cache(maxsize=10_000)  # so many runs are remembered, far more than begin in the 60 s for which they have to be
def known(_run):
    return dict(BEGUN), {}


async def played(steps, witness, gates):
    for step in steps:
        await asyncio.sleep(step.get("ms", 0) / 1000)  # only `wait` has `ms`, only `send` has `items`
        if step["do"] == "gate":
            await gates.setdefault(step["name"], asyncio.Event()).wait()
        if step["do"] == "fail":
            raise RuntimeError(step.get("message"))
        for item in step.get("items", []):
            yield item
        for index in range(step.get("n", 10**12) if step["do"] == "generate" else 0):
            await asyncio.sleep(step.get("every_ms", 0) / 1000 if index else 0)
            pad = secrets.token_urlsafe(step.get("bytes", 0)).translate({45: "x", 95: "x"})
            yield {"n": witness["sent"] + 1, "pad": pad[: max(0, step.get("bytes", 0) - 16)]}


async def features(_):
    return web.json_response(FEATURES)


async def witness_of(request):
    witness, _ = known(request.query["run"])
    return web.json_response(witness, status=200 if witness["called"] else 404)


async def gate(request):
    _, gates = known(request.query["run"])
    gates.setdefault(request.query["name"], asyncio.Event()).set()
    return web.Response()


async def stream_of(request):
    script, (witness, gates) = json.loads(request.query["script"]), known(request.query["run"])
    if unknown := {step["do"] for step in script["steps"]}.union(script) - {"steps", *STEPS}:
        return web.json_response({"unsupported": unknown.pop()}, status=501)
    media_type, before, behind = FORMS[request.match_info["stream"]]
    response = web.StreamResponse(headers={"Content-Type": media_type, "Cache-Control": "no-cache"})
    witness["called"] += 1
    try:
        await response.prepare(request)
        async for item in played(script["steps"], witness, gates):
            witness["sending"] = 1
            await response.write((before + json.dumps(item) + behind).encode())
            witness.update(sending=0, sent=witness["sent"] + 1)
    except ConnectionError:  # a handler that waits is not told
        witness["cancel_seen"] = 1
    finally:
        witness.update(state="ended", sending=0, cleanups=witness["cleanups"] + 1)
    return response


def application(_):
    app = web.Application()
    app.router.add_get("/streamspec/features", features)
    app.router.add_get("/streamspec/witness", witness_of)
    app.router.add_post("/streamspec/gate", gate)
    app.router.add_get("/streamspec/{stream:sse|ndjson}", stream_of)
    return app

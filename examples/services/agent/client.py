"""Both APIs of the clerk, with nothing but the standard library: python client.py 127.0.0.1:8000"""

import contextlib
import http.client
import json
import sys

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


def lines(address, path, **fields):
    with contextlib.closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request("POST", path, json.dumps(fields), {"content-type": "application/json"})
        for line in connection.getresponse():
            yield line.decode().strip()


def main():
    address = sys.argv[1].removeprefix("http://") if len(sys.argv) > 1 else "127.0.0.1:8000"
    asked = [{"role": "user", "content": "count 5"}]
    for line in lines(address, "/api/chat", model="clerk", messages=asked):
        part = json.loads(line)
        print(part["message"]["content"], end=f"({part['eval_count']} tokens)\n" if part["done"] else "", flush=True)
    asked = [{"role": "user", "content": "weather"}]
    for line in lines(address, "/v1/chat/completions", model="clerk", messages=asked, tools=TOOLS, stream=True):
        if line.startswith("data: {"):
            print(json.loads(line.removeprefix("data: "))["choices"][0])


if __name__ == "__main__":
    main()

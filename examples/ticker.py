"""Streams the time as server-sent events, from an async handler: hundreds can wait side by side.

    curl -N 'http://localhost:8080/x/demo/ticker?count=5&every=0.5'

`count` is 1 to 60 events, `every` 0.05 to 1 second. In a page: `new EventSource("/ticker")`.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pic


def within(text: str, least: float, most: float) -> float:
    return min(max(float(text), least), most)


async def events(count: int, every: float) -> AsyncGenerator[str, None]:
    try:
        for number in range(1, count + 1):
            data = {"number": number, "of": count, "time": datetime.now(UTC).isoformat()}
            yield f"id: {number}\ndata: {json.dumps(data)}\n\n"
            if number < count:
                await asyncio.sleep(every)
    finally:
        print("stream closed")  # also when the client has gone


async def handler(request: pic.Request) -> pic.Response:
    try:
        count = int(within(request.query.get("count", "5"), 1, 60))
        every = within(request.query.get("every", "0.5"), 0.05, 1)
    except ValueError:
        return pic.Response({"error": "count and every are numbers"}, 400)
    headers = {"cache-control": "no-store"}
    return pic.Response(events(count, every), headers=headers, content_type="text/event-stream")

"""The three handlers on FastAPI with declared return types: pydantic then writes the JSON itself,
which is its fast way."""

from typing import Any

from fastapi import FastAPI

app = FastAPI()


@app.get("/hello")
async def hello() -> dict[str, Any]:
    return {"hello": "world", "n": 1}


@app.post("/echo")
async def echo(document: dict[str, Any]) -> dict[str, Any]:
    document["echoed"] = True
    return document


@app.get("/cpu")
async def cpu() -> dict[str, Any]:
    return {"sum": sum(i * i % 7 for i in range(100_000))}

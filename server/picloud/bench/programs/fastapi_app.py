"""The three handlers on FastAPI, as the first steps of its tutorial write them."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/hello")
async def hello():
    return {"hello": "world", "n": 1}


@app.post("/echo")
async def echo(document: dict):
    document["echoed"] = True
    return document


@app.get("/cpu")
async def cpu():
    return {"sum": sum(i * i % 7 for i in range(100_000))}

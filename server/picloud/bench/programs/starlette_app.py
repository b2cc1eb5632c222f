"""The three handlers on Starlette, as its users write them."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def hello(request: Request) -> JSONResponse:
    return JSONResponse({"hello": "world", "n": 1})


async def echo(request: Request) -> JSONResponse:
    document = await request.json()
    document["echoed"] = True
    return JSONResponse(document)


async def cpu(request: Request) -> JSONResponse:
    return JSONResponse({"sum": sum(i * i % 7 for i in range(100_000))})


app = Starlette(
    routes=[
        Route("/hello", hello),
        Route("/echo", echo, methods=["POST"]),
        Route("/cpu", cpu),
    ]
)

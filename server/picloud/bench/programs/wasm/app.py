"""The three handlers as a wasi:http component; `componentize-py` compiles this file."""

import json

from componentize_py_types import Err, Ok
from wit_world.imports.streams import StreamError_Closed
from wit_world.imports.wasi_http_types import (
    Fields,
    IncomingBody,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
)

CHUNK = 65536
# What the host's blocking_write_and_flush takes at most in one call.
WRITE = 4096


def read_body(request):
    parts = []
    body = request.consume()
    with body.stream() as stream:
        while True:
            try:
                parts.append(stream.blocking_read(CHUNK))
            except Err as ended:
                if isinstance(ended.value, StreamError_Closed):
                    break
                raise
    IncomingBody.finish(body)
    return b"".join(parts)


def hello(request):
    return {"hello": "world", "n": 1}


def echo(request):
    document = json.loads(read_body(request))
    document["echoed"] = True
    return document


def cpu(request):
    return {"sum": sum(i * i % 7 for i in range(100_000))}


ROUTES = {"/hello": hello, "/echo": echo, "/cpu": cpu}


class IncomingHandler:
    def handle(self, request, response_out):
        answer = json.dumps(ROUTES[request.path_with_query()](request)).encode()
        fields = Fields.from_list(
            [
                ("content-type", b"application/json"),
                ("content-length", str(len(answer)).encode()),
            ]
        )
        response = OutgoingResponse(fields)
        body = response.body()
        ResponseOutparam.set(response_out, Ok(response))
        with body.write() as out:
            for start in range(0, len(answer), WRITE):
                out.blocking_write_and_flush(answer[start : start + WRITE])
        OutgoingBody.finish(body, None)

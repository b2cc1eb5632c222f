"""What a script imports; docs/pic.md has it all on one page."""

from pic.auth import Auth
from pic.fetch import FetchError, FetchResponse, afetch, fetch
from pic.multi import Headers, MultiDict
from pic.record import log
from pic.request import Request
from pic.response import Response
from pic.running import invocation
from pic.settings import MissingSetting, env, secrets
from pic.upload import Upload

__all__ = [
    "Auth",
    "FetchError",
    "FetchResponse",
    "Headers",
    "MissingSetting",
    "MultiDict",
    "Request",
    "Response",
    "Upload",
    "afetch",
    "env",
    "fetch",
    "invocation",
    "log",
    "secrets",
]

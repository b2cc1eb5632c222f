"""What a script imports: the request it is given and the response it may give back."""

from pic.fetch import FetchError, FetchResponse, afetch, fetch
from pic.multi import Headers, MultiDict
from pic.request import Request
from pic.response import Response
from pic.upload import Upload

__all__ = [
    "FetchError",
    "FetchResponse",
    "Headers",
    "MultiDict",
    "Request",
    "Response",
    "Upload",
    "afetch",
    "fetch",
]

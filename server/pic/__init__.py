"""What a script imports: the request it is given and the response it may give back."""

from pic.multi import Headers, MultiDict
from pic.request import Request
from pic.response import Response
from pic.upload import Upload

__all__ = ["Headers", "MultiDict", "Request", "Response", "Upload"]

"""The bare runner's stand-in for `pic`: requests go straight to the network."""

from pyodide.http import pyfetch


class FetchResponse:
    """An answer."""

    def __init__(self, body):
        self._body = body

    def text(self):
        """The body."""
        return self._body


async def afetch(url, *, method="GET", headers=None):
    """As `pic.afetch`."""
    answer = await pyfetch(url, method=method, headers=headers or {})
    return FetchResponse(await answer.string())

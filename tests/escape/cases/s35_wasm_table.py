"""The constructor of a function in WebAssembly's table.

id: S35
canary: code
"""

import pyodide_js


def attack(target):
    table = pyodide_js._module.wasmTable
    for index in range(1, 100):
        function = table.get(index)
        if function:
            return function.constructor(f"return {target.code}")()
    return "an empty table"

"""The constructor of asynchronous functions.

id: S14
canary: code
"""

import pyodide_js


async def attack(target):
    make = pyodide_js.runPythonAsync.constructor
    return await make(f"return {target.code}")()

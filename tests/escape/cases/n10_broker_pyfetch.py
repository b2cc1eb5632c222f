"""pyodide.http.pyfetch to a port of the machine.

id: N10
canary: tcp
"""

from pyodide.http import pyfetch


async def attack(target):
    return await (await pyfetch(f"http://127.0.0.1:{target.tcp}/")).string()

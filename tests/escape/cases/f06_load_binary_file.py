"""A host file through Pyodide's own loadBinaryFile.

id: F6
canary: secret
"""

import pyodide_js


async def attack(target):
    data = await pyodide_js._api.loadBinaryFile(target.secret_file)
    return data.to_bytes().decode()

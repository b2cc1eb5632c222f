"""A port of the machine through urllib.

id: N25
canary: tcp
bare: stock Pyodide has no sockets for it
"""

import urllib.request


def attack(target):
    return urllib.request.urlopen(f"http://127.0.0.1:{target.tcp}/", timeout=2).read()

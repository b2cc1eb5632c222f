"""A port of the machine through pyodide.http.open_url.

id: N27
canary: tcp
bare: Node.js has no XMLHttpRequest
"""

from pyodide.http import open_url


def attack(target):
    return open_url(f"http://127.0.0.1:{target.tcp}/").read()

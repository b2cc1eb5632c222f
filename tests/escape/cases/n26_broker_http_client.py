"""A port of the machine through http.client, with a forged Host.

id: N26
canary: tcp
bare: stock Pyodide has no sockets for it
"""

import http.client


def attack(target):
    connection = http.client.HTTPConnection("127.0.0.1", target.tcp, timeout=2)
    connection.request("GET", "/", headers={"Host": "example.com"})
    return connection.getresponse().read()

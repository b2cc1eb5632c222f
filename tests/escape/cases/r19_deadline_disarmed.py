"""The soft stop taken apart, then a loop.

id: R19
canary: time
"""


def attack(target):
    try:
        import signal

        from _picloud import deadline

        deadline.disarm()
        deadline.arm = lambda *_: None
        deadline.is_due = lambda: False
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ImportError:
        pass
    while True:
        try:
            deadline.word[0] = 0.0
        except NameError:
            pass

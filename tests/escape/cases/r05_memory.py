"""As much memory as Python gets.

id: R5
canary: memory
"""


def attack(target):
    kept = []
    while len(kept) < 20:
        kept.append(b"x" * (64 << 20))
    return "all of it"

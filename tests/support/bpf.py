"""A small interpreter of classic BPF, as the kernel runs it over `struct seccomp_data`."""

from __future__ import annotations

import struct

MAX_INSTRUCTIONS = 4096


def run(program: bytes, *, number: int, audit: int, arguments: tuple[int, ...] = ()) -> int:
    """The verdict of a packed program on one system call."""
    assert len(program) % 8 == 0
    assert len(program) // 8 <= MAX_INSTRUCTIONS
    padded = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, audit, 0, *padded)
    accumulator, line = 0, 0
    while True:
        code, jump_true, jump_false, operand = struct.unpack_from("<HBBI", program, line * 8)
        line += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif code == 0x54:
            accumulator &= operand
        elif code == 0x15:
            line += jump_true if accumulator == operand else jump_false
        elif code == 0x35:
            line += jump_true if accumulator >= operand else jump_false
        elif code == 0x06:
            return int(operand)
        else:
            raise AssertionError(f"an instruction the filter has no use for: {code:#x}")

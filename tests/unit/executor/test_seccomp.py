"""The seccomp filter, run by an interpreter of its own."""

from __future__ import annotations

import errno

import pytest

from picloud.executor.jail import seccomp
from picloud.executor.jail.seccomp import ALLOW, ERRNO, KILL
from picloud.executor.jail.syscalls import ARM64, X86_64, Architecture
from support import bpf

PID = 4242
POINTER = 0x7F12_3456_7890
THREAD_FLAGS = 0x3D0F00  # what glibc passes for pthread_create
FORK_FLAGS = 0x1200011  # what glibc passes for fork
EPERM = ERRNO | errno.EPERM
ENOSYS = ERRNO | errno.ENOSYS
ENOTTY = ERRNO | errno.ENOTTY

both = pytest.mark.parametrize("arch", [X86_64, ARM64], ids=lambda arch: arch.name)

# Numbers written out here, so that a slip in the tables shows.
DENIED = {
    X86_64: {
        "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "socketpair": 53,
        "setsockopt": 54, "fork": 57, "vfork": 58, "kill": 62, "ptrace": 101, "setuid": 105,
        "personality": 135, "mount": 165, "tkill": 200, "unshare": 272, "open_by_handle_at": 304,
        "setns": 308, "process_vm_readv": 310, "seccomp": 317, "memfd_create": 319, "bpf": 321,
        "execveat": 322, "pidfd_send_signal": 424, "pidfd_open": 434, "openat2": 437,
        "getdents64": 217, "unlinkat": 263, "ftruncate": 77, "shmget": 29, "keyctl": 250,
        "perf_event_open": 298, "inotify_init1": 294, "splice": 275, "landlock_add_rule": 445,
        "setresuid": 117, "pivot_root": 155, "chroot": 161, "umount2": 166, "mount_setattr": 442,
        "setrlimit": 160, "setpriority": 141, "capset": 126, "close_range": 436,
    },
    ARM64: {
        "socket": 198, "connect": 203, "bind": 200, "kill": 129, "ptrace": 117, "setuid": 146,
        "mount": 40, "tkill": 130, "unshare": 97, "setns": 268, "process_vm_readv": 270,
        "seccomp": 277, "memfd_create": 279, "bpf": 280, "execveat": 281, "pidfd_open": 434,
        "unlinkat": 35, "getdents64": 61, "keyctl": 219, "perf_event_open": 241,
        "setresuid": 147, "pivot_root": 41, "chroot": 51, "mount_setattr": 442, "setrlimit": 164,
        "setpriority": 140, "capset": 91, "close_range": 436,
    },
}  # fmt: skip


def verdict(arch: Architecture, call: str | int, *arguments: int) -> int:
    number = arch.numbers[call] if isinstance(call, str) else call
    lines = seccomp.program(arch, own_pid=PID, executable=POINTER)
    return bpf.run(seccomp.pack(lines), number=number, audit=arch.audit, arguments=arguments)


@both
def test_what_node_needs_to_run_is_allowed_with_any_arguments(arch: Architecture) -> None:
    for call in (
        "read",
        "write",
        "mmap",
        "mprotect",
        "futex",
        "epoll_pwait",
        "openat",
        "exit_group",
    ):
        assert verdict(arch, call) == ALLOW
        assert verdict(arch, call, *(2**64 - 1,) * 6) == ALLOW


@both
def test_every_call_outside_the_lists_kills(arch: Architecture) -> None:
    for name, number in DENIED[arch].items():
        assert verdict(arch, number) == KILL, name


@both
def test_no_number_passes_that_no_list_names(arch: Architecture) -> None:
    names = {number: name for name, number in arch.numbers.items()}
    checked = seccomp.checks(own_pid=PID, executable=POINTER)
    for number in range(451):
        answer = verdict(arch, number, *(2**64 - 1,) * 6)
        if number not in names:
            assert answer == KILL, number
        elif names[number] in checked:
            assert answer in (EPERM, ENOTTY), names[number]


@both
def test_calls_younger_than_the_list_do_not_exist(arch: Architecture) -> None:
    for number in (451, 462, 1000, 0x3FFFFFFF):
        assert verdict(arch, number) == ENOSYS


@both
def test_calls_with_an_older_twin_do_not_exist(arch: Architecture) -> None:
    for call in ("clone3", "io_uring_setup", "io_uring_enter", "userfaultfd", "faccessat2"):
        assert verdict(arch, call) == ENOSYS


@both
def test_another_architecture_or_the_x32_table_kills(arch: Architecture) -> None:
    program = seccomp.pack(seccomp.program(arch, own_pid=PID, executable=POINTER))
    read = arch.numbers["read"]
    assert bpf.run(program, number=read, audit=0x40000003) == KILL
    assert bpf.run(program, number=read | 0x40000000, audit=arch.audit) == KILL


@both
def test_clone_makes_threads_and_nothing_else(arch: Architecture) -> None:
    assert verdict(arch, "clone", THREAD_FLAGS) == ALLOW
    assert verdict(arch, "clone", FORK_FLAGS) == EPERM
    assert verdict(arch, "clone", 0) == EPERM
    for namespace in (1 << 17, 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30):
        assert verdict(arch, "clone", THREAD_FLAGS | namespace) == EPERM
    for part in (0x100, 0x200, 0x400, 0x800, 0x10000):
        assert verdict(arch, "clone", THREAD_FLAGS & ~part) == EPERM


@both
def test_signals_go_to_the_own_process_only(arch: Architecture) -> None:
    assert verdict(arch, "tgkill", PID, PID, 6) == ALLOW
    assert verdict(arch, "tgkill", PID + 1, PID + 1, 9) == EPERM
    assert verdict(arch, "tgkill", 1, 1, 9) == EPERM


@both
def test_fcntl_cannot_make_the_kernel_send_signals(arch: Architecture) -> None:
    f_setown, f_setsig, f_setown_ex = 8, 10, 15
    for allowed in (0, 1, 2, 3, 4, 1030):
        assert verdict(arch, "fcntl", 3, allowed) == ALLOW
    for refused in (f_setown, f_setsig, f_setown_ex, 1033):
        assert verdict(arch, "fcntl", 3, refused) == EPERM


@both
def test_the_death_signal_and_dumpability_cannot_be_changed(arch: Architecture) -> None:
    assert verdict(arch, "prctl", 15) == ALLOW
    assert verdict(arch, "prctl", 0x53564D41) == ALLOW
    for option in (1, 4, 22, 38, 0x59616D61):
        assert verdict(arch, "prctl", option) == EPERM


@both
def test_limits_can_be_read_and_not_set(arch: Architecture) -> None:
    assert verdict(arch, "prlimit64", 0, 7, 0, POINTER) == ALLOW
    assert verdict(arch, "prlimit64", 0, 7, POINTER, 0) == EPERM
    # a pointer whose low half is zero is a pointer
    assert verdict(arch, "prlimit64", 0, 7, 1 << 32, 0) == EPERM


@both
def test_only_harmless_ioctls_pass(arch: Architecture) -> None:
    for request in (0x5401, 0x5421, 0x5451, 0x5450, 0x541B):
        assert verdict(arch, "ioctl", 0, request) == ALLOW
    for request in (0x5412, 0x8901, 0x5452):  # TIOCSTI, FIOSETOWN, FIOASYNC
        assert verdict(arch, "ioctl", 0, request) == ENOTTY


@both
def test_execve_passes_with_the_one_pointer_only(arch: Architecture) -> None:
    assert verdict(arch, "execve", POINTER) == ALLOW
    assert verdict(arch, "execve", POINTER + 1) == EPERM
    assert verdict(arch, "execve", POINTER & 0xFFFFFFFF) == EPERM
    assert verdict(arch, "execve", POINTER ^ (1 << 40)) == EPERM


@both
def test_execve_kills_where_no_program_is_named(arch: Architecture) -> None:
    program = seccomp.pack(seccomp.program(arch, own_pid=PID, executable=None))
    number = arch.numbers["execve"]
    assert bpf.run(program, number=number, audit=arch.audit, arguments=(POINTER,)) == KILL


@both
def test_the_program_fits_the_kernels_limit_and_its_jumps_a_byte(arch: Architecture) -> None:
    lines = seccomp.program(arch, own_pid=PID, executable=POINTER)
    assert len(lines) < bpf.MAX_INSTRUCTIONS
    assert all(line.jump_true < 256 and line.jump_false < 256 for line in lines)


def test_every_call_the_filter_names_is_in_the_x86_table() -> None:
    named = f"{seccomp._ALLOWED} {seccomp._UNKNOWN}".split()
    assert set(named) <= set(X86_64.numbers)


def test_arm64_lacks_only_calls_the_architecture_does_not_have() -> None:
    missing = set(X86_64.numbers) - set(ARM64.numbers)
    assert missing == {
        "access", "arch_prctl", "epoll_wait", "lstat", "open", "poll", "readlink", "stat", "time",
    }  # fmt: skip

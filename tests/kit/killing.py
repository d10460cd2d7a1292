"""Ends processes as the kernel does when memory is short."""

from __future__ import annotations

import signal

import psutil
from kit.waiting import until


def kill(pid: int, how: signal.Signals = signal.SIGKILL) -> None:
    """Returns when nothing of the process is left but what its parent reads.

    The kernel takes its time over a large one: until then `up` would find it running, or its port taken.
    """
    process = psutil.Process(pid)
    process.send_signal(how)
    until(lambda: _ended(process), f"process {pid} ended", every_s=0.01)


def _ended(process: psutil.Process) -> bool:
    """A process whose first thread has ended is a zombie while its other threads still hold its files and ports."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE and len(process.threads()) <= 1
    except psutil.NoSuchProcess:
        return True

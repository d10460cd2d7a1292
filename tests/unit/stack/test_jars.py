"""Jars: none is used that differs from the lock."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from clearsight.errors import StackError
from clearsight.stack import versions
from clearsight.stack.jars import LOCK, Jar, read_lock, verified

pytestmark = pytest.mark.unit

CONTENT = b"classes"
JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest())
PLUGIN = Jar("org.example", "connector", "1.0", hashlib.sha256(CONTENT).hexdigest(), "tar.gz", "plugin")


def fetch(jar: Jar, repository: Path) -> Path:
    return fetch_bytes(jar, repository, CONTENT)


def fetch_bytes(jar: Jar, repository: Path, content: bytes) -> Path:
    path = repository / jar.path
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def no_network(jar: Jar, repository: Path) -> Path:
    raise StackError(f"{jar.name} cannot be fetched")


def test_missing_jars_are_fetched_once(tmp_path: Path) -> None:
    jars = verified(tmp_path, [JAR, PLUGIN], fetch)
    assert jars.class_path == (tmp_path / "org/example/thing/1.0/thing-1.0.jar",)
    assert jars.plugin == tmp_path / "org/example/connector/1.0/connector-1.0-plugin.tar.gz"
    assert verified(tmp_path, [JAR, PLUGIN], no_network) == jars


def test_a_changed_jar_is_named(tmp_path: Path) -> None:
    verified(tmp_path, [JAR, PLUGIN], fetch)
    (tmp_path / JAR.path).write_bytes(b"clasSes")
    with pytest.raises(StackError, match=r"thing-1\.0\.jar is not the locked one") as caught:
        verified(tmp_path, [JAR, PLUGIN], no_network)
    assert "delete that file" in caught.value.mend


def test_a_wrong_download_never_enters_the_cache(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"thing-1\.0\.jar is not the locked one"):
        verified(tmp_path, [JAR], lambda jar, repository: fetch_bytes(jar, repository, b"other"))
    assert not (tmp_path / JAR.path).exists()
    assert list(tmp_path.glob(".fetch-*")) == []


def test_an_unreachable_repository_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="cannot be fetched"):
        verified(tmp_path, [JAR], no_network)


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(StackError, match="cannot be stored"):
        verified(tmp_path / "cache", [JAR], fetch)


def test_an_unreadable_lock_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("[[dependencies]]\n")
    with pytest.raises(StackError, match="not readable as the lock"):
        read_lock(tmp_path / "lock")


def test_the_lock_is_of_the_versions_said() -> None:
    locked = {(jar.group, jar.artifact): jar for jar in read_lock()}
    for coordinate in versions.CLASS_PATH:
        group, artifact, version = coordinate.removesuffix("!").split(":")
        assert locked[group, artifact].version == version
    group, artifact, version, classifier, packaging = versions.PLUGIN
    plugin = locked[group, artifact]
    assert (plugin.version, plugin.classifier, plugin.packaging) == (version, classifier, packaging)


def test_all_of_kafka_is_of_one_version() -> None:
    assert {jar.version for jar in read_lock() if jar.group == "org.apache.kafka"} == {versions.KAFKA}


def test_the_lock_holds_no_address() -> None:
    assert "://" not in LOCK.read_text()

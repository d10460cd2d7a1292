"""What the doctor says: findings, and what it could not look at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

Severity = Literal["error", "warning"]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be wrong. `code` is stable: area, a dot, a name. `what` and `mend` have {places} for values."""

    code: str
    check: str
    """The check of its area that finds it."""
    severity: Severity = "error"
    what: str
    mend: str
    follows: tuple[str, ...] = ()
    """Codes of which this is a consequence: while one of them is found, mending this one is no use."""

    @property
    def area(self) -> str:
        return self.code.partition(".")[0]


class Finding(msgspec.Struct, frozen=True):
    """One wrong thing in one sentence without secrets, and what to do about it."""

    code: str
    area: str
    severity: Severity
    what: str
    mend: str


class Consequence(msgspec.Struct, frozen=True):
    """A finding that goes away when what it follows from is mended."""

    follows: str
    finding: Finding


class Checked(msgspec.Struct, frozen=True):
    area: str
    check: str


class NotChecked(msgspec.Struct, frozen=True):
    area: str
    check: str
    because: str


class Away(msgspec.Struct, frozen=True):
    """What an observer saw of a part that it could not look at."""

    where: str
    reason: str
    refused: bool = False
    """It answered, and let nobody in."""
    misnamed: bool = False
    """It can never be there: the address is none, or what is there is something else."""


class Examination:
    """What was found in one area. `checks` names everything that is looked at, in order."""

    def __init__(self, area: str, checks: tuple[str, ...]) -> None:
        self.area = area
        self.checks = checks
        self.kinds: list[tuple[Kind, Finding]] = []
        self.left: dict[str, str] = {}

    def find(self, kind: Kind, **values: Any) -> None:
        self.say(kind, kind.what.format(**values), kind.mend.format(**values))

    def say(self, kind: Kind, what: str, mend: str) -> None:
        """Where the words are there already."""
        self.kinds.append((kind, Finding(kind.code, self.area, kind.severity, what, mend)))

    def leave(self, because: str, checks: Iterable[str] | None = None) -> None:
        """Say that these checks, or all that found nothing so far, were not made."""
        found = {kind.check for kind, _ in self.kinds}
        for check in self.checks if checks is None else checks:
            if check not in found:
                self.left.setdefault(check, because)


class Report(msgspec.Struct, frozen=True):
    findings: list[Finding]
    consequences: list[Consequence]
    checked: list[Checked]
    not_checked: list[NotChecked]


def report(examinations: Iterable[Examination]) -> Report:
    """All areas together: consequences apart from what they follow from."""
    done = list(examinations)
    every = [pair for examination in done for pair in examination.kinds]
    present = {finding.code for _, finding in every if finding.severity == "error"}
    findings, consequences = [], []
    for kind, finding in every:
        cause = next((code for code in kind.follows if code in present), None)
        if cause is None:
            findings.append(finding)
        else:
            consequences.append(Consequence(cause, finding))
    return Report(
        findings,
        consequences,
        [Checked(each.area, check) for each in done for check in each.checks if check not in each.left],
        [NotChecked(each.area, check, because) for each in done for check, because in each.left.items()],
    )


def exit_code(findings: Iterable[Finding], strict: bool) -> int:
    """0 where nothing is wrong, else 2 a setting, 5 a part is away, 3 the source, 1 anything else; the first that fits.

    Warnings count only with `strict`.
    """
    counted = [finding for finding in findings if strict or finding.severity == "error"]
    if any(finding.area == "settings" for finding in counted):
        return 2
    if any(finding.code.endswith(".unreachable") for finding in counted):
        return 5
    if any(finding.area == "source" for finding in counted):
        return 3
    return 1 if counted else 0

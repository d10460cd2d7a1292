"""What is right and wrong with the API."""

from __future__ import annotations

import msgspec

from clearsight.doctor.finding import Away, Examination, Kind

CHECKS = ("connection", "readiness", "version")

UNREACHABLE = Kind(
    code="api.unreachable",
    check="connection",
    what="the API at {where} does not answer: {reason}",
    mend="start it with `clearsight api`, or correct CLEARSIGHT_API__HOST and CLEARSIGHT_API__PORT",
)
NOT_OURS = Kind(
    code="api.not-ours",
    check="connection",
    what="what answers at {where} is not ClearSight's API: {reason}",
    mend="correct CLEARSIGHT_API__HOST and CLEARSIGHT_API__PORT, or stop what listens there",
)
NOT_READY = Kind(
    code="api.not-ready",
    check="readiness",
    what="the API is not ready: {reason}",
    mend="{mend}",
    follows=(
        "report.unreachable",
        "report.login",
        "report.migrations",
        "report.no-revision",
        "report.newer",
        "report.api-rights",
    ),
)
VERSION = Kind(
    code="api.version",
    check="version",
    severity="warning",
    what="the API is version {found}, and this is {wanted}",
    mend="start the API again from the version that is installed",
)

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, Kind))


class ApiFacts(msgspec.Struct, frozen=True, kw_only=True):
    ready: bool
    reason: str
    mend: str
    version: str | None


def judge(facts: ApiFacts | Away, version: str) -> Examination:
    """`version` is the installed one."""
    found = Examination("api", CHECKS)
    if isinstance(facts, Away):
        found.find(NOT_OURS if facts.refused else UNREACHABLE, where=facts.where, reason=facts.reason)
        found.leave("something else answers" if facts.refused else "the API does not answer")
        return found
    if not facts.ready:
        found.find(NOT_READY, reason=facts.reason, mend=facts.mend)
    if facts.version is None:
        found.leave("the API does not tell its version", ["version"])
    elif facts.version != version:
        found.find(VERSION, found=facts.version, wanted=version)
    return found

"""What is right and wrong with the settings themselves."""

from __future__ import annotations

from typing import Literal

from clearsight.doctor.finding import Examination, Kind

CHECKS = ("settings", "mapping file", "connection strings", "passwords")

DEFAULT_PASSWORD = "change-me"  # noqa: S105 - how the ones in .env.example begin

INVALID = Kind(
    code="settings.invalid",
    check="settings",
    what="{problem}",
    mend="{mend}",
)
MAPPING = Kind(
    code="settings.mapping",
    check="mapping file",
    what="{problem}",
    mend="{mend}",
)
MISSING = Kind(
    code="settings.missing",
    check="connection strings",
    what="{variable} is not set: what it names cannot be examined",
    mend="set {variable}, or start the local stack with `clearsight up`",
)
DSN = Kind(
    code="settings.dsn",
    check="connection strings",
    what="{variable} is not a connection string",
    mend="write it as postgresql://user:password@host:5432/database; encode special characters as %40 for @",
)
PASSWORD = Kind(
    code="settings.default-password",
    check="passwords",
    severity="warning",
    what="the password in {variables} is the example's",
    mend="choose passwords of your own in .env, change them in the databases, and start the parts again",
)

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, Kind))

State = Literal["missing", "broken", "usable"]


def variable(name: str) -> str:
    """The environment's name of a setting: "source.dsn" is CLEARSIGHT_SOURCE__DSN."""
    return "CLEARSIGHT_" + name.upper().replace(".", "__")


def judge(
    dsns: dict[str, State], passwords: dict[str, str], needed: tuple[str, ...], mapping_problem: tuple[str, str] | None
) -> Examination:
    """`dsns` and `passwords` by the setting's name; `mapping_problem` is a message and its mend."""
    found = Examination("settings", CHECKS)
    if mapping_problem:
        problem, mend = mapping_problem
        found.find(MAPPING, problem=problem, mend=mend)
    for name, state in dsns.items():
        if state == "broken":
            found.find(DSN, variable=variable(name))
        elif state == "missing" and name in needed:
            found.find(MISSING, variable=variable(name))
    examples = [variable(name) for name, password in passwords.items() if password.startswith(DEFAULT_PASSWORD)]
    if examples:
        found.find(PASSWORD, variables=", ".join(examples))
    return found


def unreadable(problem: str, mend: str) -> Examination:
    """Where the settings cannot even be read."""
    found = Examination("settings", CHECKS)
    found.find(INVALID, problem=problem, mend=mend)
    found.leave("the settings cannot be read")
    return found

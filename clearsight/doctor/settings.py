"""What is right and wrong with the settings themselves."""

from __future__ import annotations

from clearsight.doctor.finding import Examination, Kind

CHECKS = ("settings", "mapping file", "connection strings", "passwords")

WELL_KNOWN = frozenset({"postgres", "password", "secret", "admin", "clearsight", "changeme", "test", "1234", "123456"})
PLACEHOLDER = "change-me"

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
    what="{variable} is no connection string that can be used: {problem}",
    mend="write it as postgresql://user:password@host:5432/database; in user and password write @ as %40, / as %2F, % as %25",
)
PASSWORD = Kind(
    code="settings.default-password",
    check="passwords",
    severity="warning",
    what="the password in {variables} is one that everybody tries",
    mend="ALTER ROLE … PASSWORD with one of your own for each role, put it into the variable, and start the parts again",
)

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, Kind))

State = str | None
"""Of a connection string: None where it is not set, "" where it can be used, else why not."""


def variable(name: str) -> str:
    """The environment's name of a setting: "source.dsn" is CLEARSIGHT_SOURCE__DSN."""
    return "CLEARSIGHT_" + name.upper().replace(".", "__")


def judge(
    dsns: dict[str, State],
    logins: dict[str, tuple[str, str]],
    needed: tuple[str, ...],
    mapping_problem: tuple[str, str] | None,
) -> Examination:
    """`dsns` and `logins` (user and password) by the setting's name; `mapping_problem` is a message and its mend."""
    found = Examination("settings", CHECKS)
    if mapping_problem:
        problem, mend = mapping_problem
        found.find(MAPPING, problem=problem, mend=mend)
    for name, state in dsns.items():
        if state is None and name in needed:
            found.find(MISSING, variable=variable(name))
        elif state:
            found.find(DSN, variable=variable(name), problem=state)
    guessable = [variable(name) for name, (user, password) in logins.items() if _is_guessable(user, password)]
    if guessable:
        found.find(PASSWORD, variables=", ".join(guessable))
    return found


def _is_guessable(user: str, password: str) -> bool:
    """An empty one is none: the server lets in by other means."""
    return password.lower() in {*WELL_KNOWN, user.lower()} - {""} or password.startswith(PLACEHOLDER)


def unreadable(problem: str, mend: str) -> Examination:
    """Where the settings cannot even be read."""
    found = Examination("settings", CHECKS)
    found.find(INVALID, problem=problem, mend=mend)
    found.leave("the settings cannot be read")
    return found

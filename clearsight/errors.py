"""The errors that a person is meant to read.

    ClearSightError
    ├── ConfigurationError        exit 2   a setting or the mapping file is wrong
    │   └── MappingError                   … with the key and the line of clearsight.toml
    ├── SourceError               exit 3   the application's database is not as it must be
    ├── StackError                exit 4   a part of the local stack did not start or died
    ├── Unavailable               exit 5   Kafka, Connect, CloudWatch, a database or the API is away
    ├── NotFound                  exit 6   what was asked for is not there
    ├── LandingError              exit 7   the worker stops rather than skip
    │   ├── PositionLost                   Kafka no longer has what comes next
    │   └── Fenced                         another worker owns the partition now
    └── Incomplete                exit 8   something is known to be missing

Each says what was wrong in one line and, in `mend`, what to do about it.
"""


class ClearSightError(Exception):
    """Base of all; `exit_code` is what the command returns.

    `message` is one line without secrets, `mend` one imperative sentence.
    """

    exit_code = 1

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend


class ConfigurationError(ClearSightError):
    exit_code = 2


class MappingError(ConfigurationError):
    def __init__(self, path: str, key: str, line: int | None, problem: str, mend: str) -> None:
        place = f"{path}:{line}" if line else path
        super().__init__(f"{place}: {key}: {problem}", mend)
        self.key = key
        self.line = line


class SourceError(ClearSightError):
    exit_code = 3


class StackError(ClearSightError):
    exit_code = 4


class Unavailable(ClearSightError):
    exit_code = 5


class NotFound(ClearSightError):
    exit_code = 6


class LandingError(ClearSightError):
    exit_code = 7


class PositionLost(LandingError):
    pass


class Incomplete(ClearSightError):
    exit_code = 8


class Fenced(LandingError):
    pass


def first_line_of(error: BaseException) -> str:
    """Of what it says; its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

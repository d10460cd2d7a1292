"""What can be wrong between a mapping and the catalogue it speaks of: each rule once, for `register`, `init` and the doctor."""

from __future__ import annotations

import msgspec


class Rule(msgspec.Struct, frozen=True):
    """`name` is stable. `message` and `mend` have {places} for values; {section} is where the mapping file says it."""

    name: str
    message: str
    mend: str


TABLE_MISSING = Rule(
    "table-missing",
    "the mapping file names {table} as {part}, and the source has no such table",
    "correct table in {section}{near}, or create the table",
)
TABLE_KIND = Rule(
    "table-kind",
    "{table} cannot be audited: it {obstacle}",
    "name another table in {section}, or leave it out",
)
TABLE_VIRTUAL = Rule(
    "table-virtual",
    "{table} has a virtual generated column: with REPLICA IDENTITY FULL PostgreSQL refuses its updates and deletes",
    'set replica_identity = "default" in {section} and on the table itself, or leave the table out',
)
COLUMN_MISSING = Rule(
    "column-missing",
    "the mapping file names the column {column} of {table}, and the table has none of that name",
    "correct {key} in {section}{near}, or add the column",
)
COLUMN_GENERATED = Rule(
    "column-generated",
    "{table}.{column} is a {kind} generated column, and PostgreSQL {version} does not send its values",
    "name another column as {key} in {section}",
)
COLUMN_TYPE = Rule(
    "column-type",
    "{table}.{column} is {type}: {must}",
    "name another column as {key} in {section}",
)
KEY = Rule(
    "key",
    "nothing makes {named} unique in {table}: of rows that one COPY writes with the same {named}, only one would land",
    "{better}",
)
"""Rows of one COPY share an LSN, and an event's id is made of that and the mapped key (`clearsight.identity`). What looks
the same is taken for a redelivery and dropped, so this loses changes: no warning, an error."""
KEY_OF_OLD = Rule(
    "key-of-old",
    '{table} is mapped with replica_identity = "default", and its key ({named}) is not its primary key ({primary}): what a '
    "deleted row was is not known",
    "set {better}",
)
REFERENCE = Rule(
    "reference",
    "{table}.{column} is {found}, and the key of {target} is {wanted}",
    "name the column that holds the key of {target} as {key} in {section}",
)
TOPIC_CLASH = Rule(
    "topic-clash",
    "the Kafka topic of {table} cannot be beside {other}: the names differ at most in . and _",
    "leave one of both tables out of the mapping file, or rename it in the source",
)

RULES: tuple[Rule, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
"""What is wrong: errors everywhere."""

TIME_IN_TEXT = Rule(
    "time-in-text",
    "{table}.{column} is {type}: as {key} it is read only where it holds a time as ISO 8601 (2026-11-20T08:00:00Z)",
    "see what the column holds; where it is no time, name another column as {key} in {section}",
)
TIME_IN_NUMBER = Rule(
    "time-in-number",
    "{table}.{column} is {type}: as {key} it is read as milliseconds, microseconds or nanoseconds since 1970, or as days",
    "see what the column holds; where it is no time, or one in seconds, name another column as {key} in {section}",
)
"""These two may be right: `init --check` says them as unsure."""

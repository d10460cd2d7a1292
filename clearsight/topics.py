"""Every Kafka topic of the product: name, partitions, settings. Created by us, compared by the doctor.

Raw topics are stamped with append time: with event time, retention would delete backfilled logs at once.
"""

from __future__ import annotations

import re

import msgspec

from clearsight.tables import TableName

PARTITIONS = 3
"""Of the topics that carry rows and log lines; also the most workers that share the work."""

RAW_MAX_BYTES = 4 * 1024 * 1024
AUDIT_MAX_BYTES = 12 * 1024 * 1024
"""An enriched event holds the raw record, and its JSON may be escaped anew."""

DAY_MS = 86_400_000

_ILLEGAL = re.compile(r"[^A-Za-z0-9._-]")


class Topic(msgspec.Struct, frozen=True):
    name: str
    partitions: int
    config: dict[str, str]


class TopicNames(msgspec.Struct, frozen=True):
    """The names that follow from the topic prefix."""

    prefix: str = "clearsight"

    def change(self, table: str) -> str:
        """Debezium's topic of one table, "schema.table". What a topic's name cannot hold is a "_" there, one for each
        UTF-16 unit; tables whose names differ only in that share a topic."""
        schema, name = TableName.parse(table)
        return _ILLEGAL.sub(lambda found: "__" if found[0] > "\uffff" else "_", f"{self.prefix}.{schema}.{name}")

    def changes(self, tables: tuple[str, ...]) -> list[str]:
        """The topics of these tables, each once, in their order."""
        return list(dict.fromkeys(self.change(table) for table in tables))

    @property
    def message(self) -> str:
        """Context messages and heartbeats, all under one key and so in one partition."""
        return f"{self.prefix}.message"

    @property
    def transaction(self) -> str:
        return f"{self.prefix}.transaction"

    @property
    def heartbeat(self) -> str:
        return f"__debezium-heartbeat.{self.prefix}"

    @property
    def logs(self) -> str:
        return f"{self.prefix}.logs"

    @property
    def forwarder_state(self) -> str:
        """The forwarder's checkpoints, by log group; compacted."""
        return f"{self.prefix}.forwarder.state"

    @property
    def forwarder_jobs(self) -> str:
        """Where the forwarder's other work goes on: histories that are read, shards of push; compacted."""
        return f"{self.prefix}.forwarder.jobs"

    @property
    def audit(self) -> str:
        """Enriched events for everybody else, by event id; the highest revision counts."""
        return f"{self.prefix}.audit"

    def rank(self, topic: str) -> int:
        """Who goes first when catching up: contexts, then rows, then log lines and what says how far they are."""
        if topic == self.message:
            return 0
        return 2 if topic in (self.logs, self.forwarder_state) else 1

    def consumed(self, tables: tuple[str, ...]) -> list[str]:
        """What the worker reads."""
        return [
            *self.changes(tables),
            self.message,
            self.transaction,
            self.logs,
            self.forwarder_state,
        ]


def topics(prefix: str, tables: tuple[str, ...], retention_days: int) -> list[Topic]:
    """All topics for these audited tables ("schema.table")."""
    names = TopicNames(prefix)
    raw = {
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(retention_days * DAY_MS),
        "retention.bytes": "-1",  # a broker's own limit would cut short what replay needs
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "max.message.bytes": str(RAW_MAX_BYTES),
    }
    compacted = {
        "cleanup.policy": "compact",
        "message.timestamp.type": "LogAppendTime",
        "segment.ms": "600000",  # the newest segment is never compacted, and a checkpoint comes each second
        "min.cleanable.dirty.ratio": "0.1",
    }
    return [
        *(Topic(name, PARTITIONS, raw) for name in names.changes(tables)),
        Topic(names.message, 1, raw),
        Topic(names.transaction, 1, raw),
        Topic(names.heartbeat, 1, raw),
        Topic(names.logs, PARTITIONS, raw),
        Topic(names.forwarder_state, 1, compacted),
        Topic(names.forwarder_jobs, 1, compacted),
        Topic(names.audit, PARTITIONS, raw | {"max.message.bytes": str(AUDIT_MAX_BYTES)}),
    ]


def clashes(prefix: str, tables: tuple[str, ...]) -> list[tuple[str, str]]:
    """Tables that cannot have their topic: each with the topic that stands in its way. Kafka refuses a name that differs
    from another one only by "." and "_"; and the product's own topics are not for rows."""
    names = TopicNames(prefix)
    owners = {name.replace(".", "_"): name for name in [*names.consumed(()), names.forwarder_jobs, names.audit]}
    own = set(owners.values())
    found = []
    for table in tables:
        topic = names.change(table)
        other = owners.setdefault(topic.replace(".", "_"), topic)
        if other != topic or topic in own:
            found.append((table, other))
    return found

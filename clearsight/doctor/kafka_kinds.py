"""Every finding about Kafka and the product's topics, and the checks that make them."""

from __future__ import annotations

from clearsight.doctor.finding import Kind

CHECKS = ("connection", "topics", "partitions", "copies", "settings of the topics", "broker", "worker", "forwarder")

UNREACHABLE = Kind(
    code="kafka.unreachable",
    check="connection",
    what="Kafka at {where} does not answer: {reason}",
    mend="start it, or correct CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS",
)
TOPIC_MISSING = Kind(
    code="kafka.topic-missing",
    check="topics",
    what="Kafka has no topic {topics}",
    mend="run `clearsight register`, which creates it",
)
PARTITIONS_FEW = Kind(
    code="kafka.partitions-few",
    check="partitions",
    what="{topics}: {found} partitions, should be {wanted}: fewer workers can share the work",
    mend="kafka-topics.sh --bootstrap-server {servers} --alter --topic {topic} --partitions {wanted}; restart the workers",
)
PARTITIONS_MANY = Kind(
    code="kafka.partitions-many",
    check="partitions",
    what="{topics}: {found} partitions, should be {wanted}: what one partition keeps in order may be read out of order",
    mend="Kafka cannot take partitions away: stop the connector, delete the topic with kafka-topics.sh --bootstrap-server "
    "{servers} --delete --topic {topic} (its records go with it), then run `clearsight register`",
)
COPIES = Kind(
    code="kafka.copies",
    check="copies",
    what="{topics}: {found} copies, should be {wanted} (CLEARSIGHT_KAFKA__REPLICATION_FACTOR): a broker's disk is enough "
    "to lose records",
    mend="add brokers to the topic with kafka-reassign-partitions.sh --bootstrap-server {servers}, or set "
    "CLEARSIGHT_KAFKA__REPLICATION_FACTOR={found} if that is meant",
)
_SET = "run `clearsight doctor --mend`, or kafka-configs.sh --bootstrap-server {servers} --entity-type topics "
_SET += "--entity-name {topic} --alter --add-config {setting}={wanted}"
RETENTION = Kind(
    code="kafka.topic-retention",
    check="settings of the topics",
    what="{topics}: {setting} is {found}, should be {wanted}: replay reaches back as far as that",
    mend="kafka-configs.sh --bootstrap-server {servers} --entity-type topics --entity-name {topic} --alter --add-config "
    "{setting}={wanted} (`clearsight doctor --mend` does it, but never shortens what is kept), or set "
    "CLEARSIGHT_KAFKA__RETENTION_DAYS",
)
TIMESTAMPS = Kind(
    code="kafka.topic-timestamps",
    check="settings of the topics",
    what="{topics}: {setting} is {found}, should be {wanted}: with event time, retention deletes backfilled records at once",
    mend=_SET,
)
CLEANUP = Kind(
    code="kafka.topic-cleanup",
    check="settings of the topics",
    what="{topics}: {setting} is {found}, should be {wanted}: compaction drops what replay needs, and checkpoints need it",
    mend=_SET,
)
MAX_BYTES = Kind(
    code="kafka.topic-max-bytes",
    check="settings of the topics",
    what="{topics}: {setting} is {found}, should be {wanted}: a larger record stops whoever writes it",
    mend=_SET,
)
SETTING = Kind(
    code="kafka.topic-setting",
    check="settings of the topics",
    what="{topics}: {setting} is {found}, should be {wanted}",
    mend=_SET,
)
AUTO_CREATE = Kind(
    code="kafka.auto-create",
    check="broker",
    severity="warning",
    what="the broker creates topics by itself: a topic that somebody deleted comes back with other settings",
    mend="set auto.create.topics.enable=false in the brokers' server.properties and restart them",
)
REQUEST_BYTES = Kind(
    code="kafka.request-bytes",
    check="broker",
    what="the broker takes requests of {found} bytes at most, and the product's records may have {wanted}",
    mend="set socket.request.max.bytes={wanted} or more in the brokers' server.properties and restart them",
)
WORKER_ABSENT = Kind(
    code="kafka.worker-absent",
    check="worker",
    what="no worker is in the consumer group {group}: nothing lands",
    mend="start one with `clearsight worker`",
    follows=(
        "kafka.topic-missing",
        "report.unreachable",
        "report.login",
        "report.migrations",
        "report.no-revision",
        "report.table-missing",
        "report.writer-rights",
        "report.writer-read-only",
    ),
)
WORKER_BEHIND = Kind(
    code="kafka.worker-behind",
    check="worker",
    severity="warning",
    what="the worker is behind: {records} records wait in {topics}, the oldest for more than {limit_s} s",
    mend="wait if it catches up; else look at its log, or start more workers (up to {most} share the work)",
    follows=("kafka.worker-absent", *WORKER_ABSENT.follows),
)
CONNECT_TOPIC = Kind(
    code="kafka.connect-topic",
    check="settings of the topics",
    what="{topics}: cleanup.policy is {found}, should be compact: Kafka Connect keeps its connectors and how far they are in "
    "it, and forgets what is deleted",
    mend="kafka-configs.sh --bootstrap-server {servers} --entity-type topics --entity-name {topic} --alter --add-config "
    "cleanup.policy=compact; then `clearsight register`, should Kafka Connect have forgotten the connector",
)
FORWARDER_SILENT = Kind(
    code="kafka.forwarder-silent",
    check="forwarder",
    what="no forwarder writes to {topic}: {last}; log lines do not arrive",
    mend="start one with `clearsight forward run`; if one runs, look at its log",
    follows=(
        "kafka.topic-missing",
        "cloudwatch.no-groups",
        "cloudwatch.unreachable",
        "cloudwatch.not-cloudwatch",
        "cloudwatch.credentials",
        "cloudwatch.group-missing",
        "cloudwatch.group-name",
        "cloudwatch.denied",
    ),
)

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, Kind))

KIND_OF_SETTING = {
    "retention.ms": RETENTION,
    "retention.bytes": RETENTION,
    "message.timestamp.type": TIMESTAMPS,
    "cleanup.policy": CLEANUP,
    "max.message.bytes": MAX_BYTES,
}

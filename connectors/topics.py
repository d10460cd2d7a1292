"""Creates the product's topics. Existing ones are left as they are: the doctor says where they differ."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from clearsight.errors import Unavailable
from clearsight.settings import KafkaSettings
from clearsight.topics import topics

_TIMEOUT_S = 15.0


def create_topics(kafka: KafkaSettings, tables: tuple[str, ...]) -> list[str]:
    """Create what is missing for these audited tables ("schema.table") and return its names.

    Raises Unavailable where Kafka does not answer or refuses.
    """
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    wanted = [
        NewTopic(
            topic.name,
            num_partitions=topic.partitions,
            replication_factor=kafka.replication_factor,
            config=topic.config,
        )
        for topic in topics(kafka.topic_prefix, tables, kafka.retention_days)
    ]
    created = []
    try:
        present = admin.list_topics(timeout=_TIMEOUT_S).topics
        missing = [topic for topic in wanted if topic.topic not in present]
        for name, future in admin.create_topics(missing, request_timeout=_TIMEOUT_S).items() if missing else ():
            if _created(future):
                created.append(name)
    except KafkaException as error:
        reason = error.args[0].str()
        raise Unavailable(f"Kafka: {reason}", "check CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS and that Kafka runs") from None
    return created


def _created(future: object) -> bool:
    try:
        future.result()  # type: ignore[attr-defined]
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return False
    return True

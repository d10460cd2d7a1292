"""What Kafka knows of the raw topics: that they are there, where they end, which logs they are. Safe for several threads."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from clearsight.errors import Unavailable
from stream_processors.positions import Identity, Partition

REQUEST_TIMEOUT_S = 10.0


class RawTopics:
    def __init__(self, bootstrap_servers: str, topics: list[str]) -> None:
        self._topics = topics
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers})

    def check(self) -> None:
        """Raises Unavailable where Kafka is away or topics are missing."""
        try:
            known = self._admin.list_topics(timeout=REQUEST_TIMEOUT_S).topics
        except KafkaException as error:
            raise unavailable(error.args[0]) from None
        missing = sorted(set(self._topics) - known.keys())
        if missing:
            raise Unavailable(
                f"Kafka has no topic {', '.join(missing)}", "run `clearsight register`, which creates them"
            )

    def answers(self) -> bool:
        """Whether Kafka is there."""
        try:
            self._admin.list_topics(timeout=REQUEST_TIMEOUT_S)
        except KafkaException:
            return False
        return True

    def end_offsets(self) -> dict[str, int]:
        """End offset of every partition of the raw topics, "topic/partition" → offset."""
        metadata = self._admin.list_topics(timeout=REQUEST_TIMEOUT_S).topics
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        places = {
            TopicPartition(topic, number): latest for topic in self._topics for number in metadata[topic].partitions
        }
        asked = self._admin.list_offsets(places, request_timeout=REQUEST_TIMEOUT_S)
        return {f"{place.topic}/{place.partition}": future.result().offset for place, future in asked.items()}

    def identities(self, places: list[Partition]) -> dict[Partition, Identity]:
        """Which log each partition is of. Raises KafkaException where Kafka or the topic is away."""
        names = sorted({place.topic for place in places})
        cluster = self._admin.list_topics(timeout=REQUEST_TIMEOUT_S).cluster_id or ""
        described = self._admin.describe_topics(TopicCollection(names), request_timeout=REQUEST_TIMEOUT_S)
        ids = {name: str(future.result().topic_id) for name, future in described.items()}
        return {place: Identity(cluster, ids[place.topic]) for place in places}


def unavailable(error: KafkaError) -> Unavailable:
    """What a person is told of it."""
    return Unavailable(f"Kafka: {error.str()}", "check CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS and that Kafka runs")

"""Every version of the real parts, said once; docker-compose.yml names the same ones."""

from __future__ import annotations

POSTGRES = "18.6"
JAVA = "25"
KAFKA = "4.3.1"
DEBEZIUM = "3.7.0.Final"
LOG4J = "2.25.3"

IMAGES = {
    "postgres": f"postgres:{POSTGRES}",
    "kafka": f"apache/kafka:{KAFKA}",
    "connect": f"quay.io/debezium/connect:{DEBEZIUM}",
}
"""The public images of the same versions, by part."""

CLASS_PATH = (
    f"org.apache.kafka:kafka_2.13:{KAFKA}",
    f"org.apache.kafka:connect-runtime:{KAFKA}",
    f"org.apache.kafka:connect-json:{KAFKA}",
    f"org.apache.kafka:connect-transforms:{KAFKA}",
    f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J}!",
    f"org.apache.logging.log4j:log4j-core:{LOG4J}!",
)
"""What is resolved, group:artifact:version. Kafka logs through slf4j 1: with the slf4j 2 binding it logs nothing.

The "!" keeps Log4j's own wishes about other projects' versions out: it asks for kafka-clients 3.9.
"""

PLUGIN = ("io.debezium", "debezium-connector-postgres", DEBEZIUM, "plugin", "tar.gz")
"""Group, artifact, version, classifier and type of the archive that Kafka Connect loads Debezium from."""

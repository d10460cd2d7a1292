"""The real parts on one machine: PostgreSQL, Kafka, Kafka Connect, and the product's own programs beside them."""

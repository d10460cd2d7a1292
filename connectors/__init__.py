"""What puts events on Kafka: Debezium and the CloudWatch forwarder."""

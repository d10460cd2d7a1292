"""CloudWatch Logs for tests and the demo: its JSON protocol, spoken to by unmodified boto3."""

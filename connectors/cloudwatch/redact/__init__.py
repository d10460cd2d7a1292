"""What must not leave CloudWatch in a log line, and what stands there instead."""

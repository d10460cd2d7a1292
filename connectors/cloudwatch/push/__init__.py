"""Lines that CloudWatch pushes through subscription filters: over HTTP as Firehose sends them, or through Kinesis."""

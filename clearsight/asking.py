"""Who asks the reporting database, for programs that look at it with their own connection."""

EVERYTHING = "-c clearsight.role=admin -c clearsight.sees={(,)}"
"""`options` of a session that sees every row: for whoever holds the connection string and runs the product."""

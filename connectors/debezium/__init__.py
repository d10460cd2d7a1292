"""The source side: what prepares the application's database, and the connector that reads it."""

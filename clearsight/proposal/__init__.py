"""From a database's catalogue to a mapping file: which table plays which part, why, and how sure that is. Pure."""

"""The reporting database: models, migrations, roles, partitions."""

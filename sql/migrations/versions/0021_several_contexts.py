"""A transaction with several contexts: where the first stands in the log, and the other correlation ids."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("ALTER TABLE rpt.transaction_context ADD context_lsn bigint, ADD other_ids text[]")

"""Rates over a period are read from the index alone: a run's row is wide, and a month has tens of thousands of them."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_run_diagnostic_period ON rpt.fact_run_diagnostic (started_at)"
        " INCLUDE (scenario_key, outcome, category, failing_node, deleted)"
    )
    op.execute("DROP INDEX rpt.ix_run_diagnostic_started")

"""Indexes that questions need: error lines by time, changes out of band, lines of several scenarios. All are partial."""

from alembic import op

revision = "0007"
down_revision = "0006"

_SERIOUS = "level IN ('ERROR', 'FATAL')"


def upgrade() -> None:
    op.execute(f"CREATE INDEX ix_log_error ON rpt.fact_cloudwatch_log (occurred_at) WHERE {_SERIOUS}")
    op.execute(
        f"CREATE INDEX ix_log_scenario_error ON rpt.fact_cloudwatch_log (scenario_key, occurred_at) WHERE {_SERIOUS}"
    )
    op.execute(
        "CREATE INDEX ix_log_shared ON rpt.fact_cloudwatch_log (occurred_at, correlation_key)"
        " WHERE link = 'shared' AND scenario_key IS NULL"
    )
    op.execute("CREATE INDEX ix_row_change_out_of_band ON rpt.fact_row_change (occurred_at) WHERE link = 'unlinked'")

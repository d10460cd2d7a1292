"""The last error of a run is one look at an index, whatever its lines: counts grow by what lands."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_log_run_error_type ON rpt.fact_cloudwatch_log (run_key, occurred_at, event_id)"
        " WHERE error_type IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX ix_log_run_error_node ON rpt.fact_cloudwatch_log (run_key, occurred_at, event_id)"
        " WHERE node IS NOT NULL AND level IN ('ERROR', 'FATAL')"
    )

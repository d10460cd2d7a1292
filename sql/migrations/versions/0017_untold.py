"""Times of row changes in an index where no user action tells them: Power BI shows only these as changes."""

from alembic import op

revision = "0017"
down_revision = "0016"

_COLUMNS = {"second": "occurred_second", "day": "occurred_on"}


def upgrade() -> None:
    op.execute("SET LOCAL statement_timeout = 0")
    for name, column in _COLUMNS.items():
        op.execute(f"DROP INDEX rpt.ix_row_change_{name}")
        op.execute(f"CREATE INDEX ix_row_change_{name} ON rpt.fact_row_change ({column}) WHERE action IS NULL")

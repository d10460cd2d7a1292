"""Days of the big facts in an ordered index: Power BI joins facts with its days, and for a join BRIN was left aside."""

from alembic import op

revision = "0016"
down_revision = "0015"

_FACTS = {"row_change": "fact_row_change", "user_action": "fact_user_action", "log": "fact_cloudwatch_log"}


def upgrade() -> None:
    op.execute("SET LOCAL statement_timeout = 0")
    for name, fact in _FACTS.items():
        op.execute(f"DROP INDEX rpt.ix_{name}_day")
        op.execute(f"CREATE INDEX ix_{name}_day ON rpt.{fact} (occurred_on)")

"""Schema `bi`: flat, typed views of stable names and types for Power BI, and whom a database login stands for.

Facts get their time as whole seconds and as a day, stored: a filter on an expression over a column cannot use an index under
row-level security. Adding them writes the facts anew, which takes minutes on tens of millions of rows.
"""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    for name in ("logins", "times", "views", "aggregates", "grants"):
        driver.execute(Path(__file__).with_name(f"0013_{name}.sql").read_text(encoding="utf-8"))

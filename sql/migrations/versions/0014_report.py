"""Views of schema `bi` that the slicers of the Power BI report need, and columns that its pages show."""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(Path(__file__).with_name("0014_report.sql").read_text(encoding="utf-8"))

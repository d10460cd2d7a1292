"""What views mask is not read beside them: log lines of several scenarios, and why something is missing."""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(Path(__file__).with_name("0012_masked.sql").read_text(encoding="utf-8"))

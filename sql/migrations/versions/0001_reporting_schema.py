"""The reporting schema: dimensions, facts, join state, bookkeeping, the timeline and the grants."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    for name in ("tables", "timeline", "functions", "grants"):
        # the driver's own execute, because a file of statements has no parameters and may contain %
        driver.execute(Path(__file__).with_name(f"0001_{name}.sql").read_text(encoding="utf-8"))

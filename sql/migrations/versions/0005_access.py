"""Who sees what is decided in Postgres: row-level security on every table, keys of the API, masked views."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    for name in ("asking", "keys", "masks", "policies"):
        driver.execute(Path(__file__).with_name(f"0005_{name}.sql").read_text(encoding="utf-8"))

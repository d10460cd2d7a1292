"""The tables of schema `rpt`, as SQLAlchemy Core tables. The migrations make them; a test compares both.

What questions know as `dim_user` and `fact_cloudwatch_log` are the views that mask what the asking user may not see.
"""

from sql.models.access import api_key, bi_login
from sql.models.base import METADATA, SCHEMA
from sql.models.bookkeeping import (
    amendment,
    amendment_left,
    audit_outbox,
    batch,
    connector_watch,
    consumer_position,
    dead_letter,
    gap,
    watermark,
)
from sql.models.correlation import correlation, correlation_touch, row_snapshot, transaction_context
from sql.models.dimensions import dim_date, dim_run, dim_scenario, user_id
from sql.models.facts import (
    PARTITIONED,
    fact_row_change,
    fact_run_diagnostic,
    fact_scenario_state_change,
    fact_user_action,
)
from sql.models.shapes import fact_schema_change, row_shape
from sql.models.views import view_log as fact_cloudwatch_log
from sql.models.views import view_scenario_audit_trail
from sql.models.views import view_user as dim_user

__all__ = [
    "METADATA",
    "PARTITIONED",
    "SCHEMA",
    "amendment",
    "amendment_left",
    "api_key",
    "audit_outbox",
    "batch",
    "bi_login",
    "connector_watch",
    "consumer_position",
    "correlation",
    "correlation_touch",
    "dead_letter",
    "dim_date",
    "dim_run",
    "dim_scenario",
    "dim_user",
    "fact_cloudwatch_log",
    "fact_row_change",
    "fact_run_diagnostic",
    "fact_scenario_state_change",
    "fact_schema_change",
    "fact_user_action",
    "gap",
    "row_shape",
    "row_snapshot",
    "transaction_context",
    "user_id",
    "view_scenario_audit_trail",
    "watermark",
]

"""The names of ids that the mapping file adds."""

from __future__ import annotations

from clearsight.mapping import LogFields
from connectors.cloudwatch.parse.fields import FieldNames


def names_of(fields: LogFields) -> FieldNames:
    return FieldNames(
        {
            "correlation_id": fields.correlation,
            "scenario_id": fields.scenario,
            "run_id": fields.run,
            "user_id": fields.user,
            "node": fields.node,
            "service": fields.service,
            "request_id": fields.request,
            "trace_id": fields.trace,
        }
    )

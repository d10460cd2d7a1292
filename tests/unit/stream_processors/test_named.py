"""The ids that a batch names, and when each was seen first."""

from __future__ import annotations

import base64
import json

import pytest
from kit.debezium import NAMES, T0_US, partitioned
from kit.story import Record

from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from stream_processors.batch import assemble
from stream_processors.decode import Decoder
from stream_processors.named import correlations

pytestmark = pytest.mark.unit


def attempt(correlation_id: str, time_us: int) -> Record:
    """A context message outside a transaction."""
    content = base64.b64encode(json.dumps({"correlation_id": correlation_id}).encode()).decode()
    source = {"ts_ms": time_us // 1000, "ts_us": time_us, "lsn": 7, "txId": None, "schema": "", "table": ""}
    value = {"op": "m", "source": source, "message": {"prefix": "clearsight", "content": content}}
    return NAMES.message, b"k", json.dumps(value).encode()


def test_a_correlation_id_is_as_old_as_its_first_attempt() -> None:
    records = partitioned([attempt("c", T0_US), attempt("c", T0_US + 5_000_000)])
    batch = assemble(records, Decoder(load_mapping(DEFAULT_MAPPING), NAMES))
    assert correlations(batch, {}) == {"c": T0_US}

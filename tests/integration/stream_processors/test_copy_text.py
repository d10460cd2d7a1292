"""What is written as text comes back from PostgreSQL as what it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearsight.instants import EARLIEST_US, LATEST_US, to_us
from stream_processors.copy_text import field, instant, number, texts

pytestmark = pytest.mark.integration

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["\\N", "\\.", "\\", "\t", "\n", "\r\n", "\\\\n", '"', "{}", "NULL", "", "a\\tb", 'a"b\\"c', "\x0b", "ü€😀"]
)
ROW = st.tuples(
    st.none() | TEXT,
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.integers(EARLIEST_US, LATEST_US),
    st.lists(TEXT, max_size=4).map(tuple),
)


@given(rows=st.lists(ROW, min_size=1, max_size=20))
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_row(reporting: Any, rows: list[tuple[str | None, int | None, int, tuple[str, ...]]]) -> None:
    text = "".join(f"{field(a)}\t{number(b)}\t{instant(c)}\t{texts(d)}\n" for a, b, c, d in rows)
    with reporting.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (n serial, a text, b bigint, c timestamptz, d text[])")
        with cursor.copy("COPY t (a, b, c, d) FROM STDIN") as copy:
            copy.write(text.encode())
        found = cursor.execute("SELECT a, b, c, d FROM t ORDER BY n").fetchall()
    assert [(a, b, to_us(c), tuple(d)) for a, b, c, d in found] == rows

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursors import BadCursor, Cursors
from api.queries.branch import ORDER_KEY

pytestmark = pytest.mark.unit

CURSORS = Cursors(b"secret")
KEYS = st.tuples(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 2**31),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**63 - 1),
    st.uuids().map(str),
)


@given(KEYS, st.text())
def test_what_was_signed_is_read(key, query):
    assert CURSORS.read(query, CURSORS.sign(query, key), ORDER_KEY) == key


@given(KEYS, st.text())
def test_another_query_or_another_secret_is_refused(key, query):
    cursor = CURSORS.sign(query, key)
    with pytest.raises(BadCursor, match="another query"):
        CURSORS.read(query + "x", cursor, ORDER_KEY)
    with pytest.raises(BadCursor, match="no cursor"):
        Cursors(b"other").read(query, cursor, ORDER_KEY)


@given(st.text())
def test_any_text_is_refused(text):
    with pytest.raises(BadCursor):
        CURSORS.read("query", text, ORDER_KEY)


def test_the_content_cannot_be_changed():
    key = (datetime(2026, 11, 22, tzinfo=UTC), 1, 2, 3, 4, str(uuid.uuid4()))
    cursor = CURSORS.sign("query", key)
    for place in range(0, len(cursor), 7):
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(BadCursor):
            CURSORS.read("query", changed, ORDER_KEY)

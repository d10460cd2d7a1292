from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_processors.letters import Size
from stream_processors.redrive import chunks

pytestmark = pytest.mark.unit


@given(st.lists(st.integers(0, 50)), st.integers(1, 5), st.integers(1, 100))
def test_chunks_hold_every_letter_once_in_order_and_no_more_than_allowed(
    lengths: list[int], most_letters: int, most_bytes: int
) -> None:
    sizes = [Size(number, length) for number, length in enumerate(lengths)]
    parts = list(chunks(sizes, most_letters, most_bytes))
    assert [letter for part in parts for letter in part] == list(range(len(lengths)))
    for part in parts:
        assert 1 <= len(part) <= most_letters
        assert len(part) == 1 or sum(lengths[letter] for letter in part) <= most_bytes

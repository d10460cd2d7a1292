from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.readable import printable, readable

pytestmark = pytest.mark.unit


@given(st.binary(max_size=200))
def test_whatever_bytes_come_no_control_character_reaches_the_terminal(data):
    assert all(char.isprintable() or char == "\n" for char in readable(data))


@given(st.text())
def test_what_can_be_printed_is_left_as_it_is(text):
    assert printable(printable(text)) == printable(text)
    if text.isprintable():
        assert printable(text) == text


def test_json_keeps_the_digits_of_its_numbers():
    assert readable(b'{"a":1.50,"b":12345678901234567890}') == '{\n  "a": 1.50,\n  "b": 12345678901234567890\n}'


def test_bytes_that_are_no_text_are_hex():
    assert readable(b"\xff\x00\x01\x02\x03") == "ff 00010203"


def test_a_long_text_says_how_much_is_left():
    assert readable(b"x" * 12, 10) == "xxxxxxxxxx\n… and 2 characters more"
    assert readable(None) == "null"

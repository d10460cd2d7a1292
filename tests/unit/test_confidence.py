from __future__ import annotations

import pytest

from clearsight.confidence import confidence

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("link", "source", "expected"),
    [
        ("direct", None, "exact"),
        ("correlated", None, "exact"),
        ("pending", None, "none"),
        ("unlinked", None, "none"),
        ("direct", "pattern", "exact"),
        ("correlated", "field", "exact"),
        ("correlated", "pattern", "pattern"),
        ("shared", "inherited", "inherited"),
        ("correlated", "trace", "inherited"),
        ("pending", "field", "none"),
        ("correlated", "something new", "none"),
    ],
)
def test_confidence(link, source, expected):
    assert confidence(link, source) == expected

"""What answers in CloudWatch's place is told apart from CloudWatch's own refusals."""

from __future__ import annotations

import pytest
from kit.answering import answering

from clearsight.settings import CloudWatchSettings
from connectors.cloudwatch.group_facts import observe_cloudwatch

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"events": []}', "readable"),
        (404, b"<html>no</html>", "stranger"),
        (200, b"<html>hello</html>", "stranger"),
        (200, b"[]", "stranger"),
        (301, b"", "stranger"),
        (403, b"forbidden", "stranger"),
        (503, b"", "away"),
        (400, b'{"__type": "AccessDeniedException", "message": "x"}', "denied"),
        (400, b'{"__type": "InvalidParameterException", "message": "x"}', "invalid"),
        (400, b'{"__type": "ResourceNotFoundException", "message": "x"}', "missing"),
        (400, b'{"__type": "ExpiredTokenException", "message": "x"}', "credentials"),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, outcome: str) -> None:
    with answering(lambda method, path: (status, body)) as url:
        facts = observe_cloudwatch(CloudWatchSettings(endpoint_url=url, groups=("/a",)))
    assert facts.groups["/a"].outcome == outcome

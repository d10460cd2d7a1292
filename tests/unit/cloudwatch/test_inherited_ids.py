"""Which correlation id lines have that name none themselves, within a page and across pages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from connectors.cloudwatch.correlate import Requests
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.parse.recognise import parse
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.transcript import Transcript

pytestmark = pytest.mark.unit

REQUEST = "52fdfc07-2182-154f-163f-5f0f9a621d72"
OTHER = "9566c74d-1003-7c4d-7bbb-0407d1e2c649"
TRACE = "1-5759e988-bd862e3fe1be46a994272793"
START = f"START RequestId: {REQUEST} Version: 1"
NAMES_IT = f"[INFO]\t2026-11-22T12:00:00.1Z\t{REQUEST}\tcorrelation_id=corr-4711"
PRINT = "a print without request id"
END = f"END RequestId: {REQUEST}"
REPORT = f"REPORT RequestId: {REQUEST}\tDuration: 1.2 ms\tXRAY TraceId: {TRACE}"


def pages(*messages: Sequence[str], stream: str = "s") -> list[list[Event]]:
    """Of one stream, a millisecond between two lines."""
    found: list[list[Event]] = []
    at = 0
    for page in messages:
        found.append([Event(f"{stream}-{n}", n, None, stream, text) for n, text in enumerate(page, start=at)])
        at += len(page)
    return found


def told(parsed: Sequence[Parsed]) -> list[tuple[str | None, str]]:
    return [(each.correlation_id, each.correlation_source) for each in parsed]


def test_lines_of_later_pages_inherit_what_an_earlier_page_named() -> None:
    transcript = Transcript(Origin("0", "r", "/g"))
    first, *later = (transcript.read(page) for page in pages([START, NAMES_IT], [PRINT], [END, REPORT]))
    assert told(first) == [("corr-4711", "inherited"), ("corr-4711", "pattern")]
    assert [told(page) for page in later] == [[("corr-4711", "inherited")], [("corr-4711", "inherited")] * 2]


def test_lines_of_a_page_that_was_sent_before_the_id_was_named_stay_as_they_are() -> None:
    transcript = Transcript(Origin("0", "r", "/g"))
    first, second = (transcript.read(page) for page in pages([START, PRINT], [NAMES_IT, PRINT]))
    assert told(first) == [(None, "none")] * 2
    assert [each.request_id for each in first] == [REQUEST] * 2
    assert told(second) == [("corr-4711", "pattern"), ("corr-4711", "inherited")]


def test_the_trace_stands_in_only_where_the_request_named_no_id() -> None:
    (before,), (_, after) = (
        Transcript(Origin("0", "r", "/g")).read(page) for page in pages([REPORT], [NAMES_IT, REPORT])
    )
    assert told([before, after]) == [(before.trace_id, "trace"), ("corr-4711", "inherited")]


def test_a_request_that_named_another_id_in_a_later_page_tells_none_from_then_on() -> None:
    transcript = Transcript(Origin("0", "r", "/g"))
    *_, last = (
        transcript.read(page)
        for page in pages([START, NAMES_IT], [PRINT], [NAMES_IT.replace("corr-4711", "corr-4712")], [PRINT])
    )
    assert told(last) == [(None, "none")]


def test_a_request_is_one_of_its_stream() -> None:
    transcript = Transcript(Origin("0", "r", "/g"))
    transcript.read(pages([START, NAMES_IT])[0])
    (end,) = transcript.read(pages([END], stream="another")[0])
    assert told([end]) == [(None, "none")]


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    requests = Requests(capacity=1)
    for request in (REQUEST, OTHER):
        ((event,),) = pages([NAMES_IT.replace(REQUEST, request)])
        requests.correlate([event], [parse(event.message)])
    ends = [parse(END), parse(END.replace(REQUEST, OTHER))]
    requests.correlate(pages([END, END])[0], ends)
    assert told(ends) == [(None, "none"), ("corr-4711", "inherited")]

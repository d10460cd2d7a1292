"""PostgreSQL's log joined with the changes: every line of a commit, and every failed attempt with its SQLSTATE."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from kit import loan
from kit.reporting import Reporting

pytestmark = pytest.mark.integration

LINES = """
SELECT l.correlation_id, l.level, l.link, s.scenario_id, l.attributes ->> 'state_code', l.error_type, l.message
FROM rpt.fact_cloudwatch_log l LEFT JOIN rpt.dim_scenario s USING (scenario_key)
"""
NAMES_OF_STATES = {
    "57014": "QueryCanceled",
    "22P02": "InvalidTextRepresentation",
    "23503": "ForeignKeyViolation",
    "23505": "UniqueViolation",
    "23514": "CheckViolation",
}


@pytest.fixture(scope="module")
def truth(capture: loan.Capture) -> dict[str, loan.Row]:
    """By correlation id."""
    return {told["correlation_id"]: told for told in capture.truth()}


@pytest.fixture(scope="module")
def lines(landed: Reporting) -> list[tuple[Any, ...]]:
    return landed.rows(LINES)


@pytest.fixture(scope="module")
def failures(truth: dict[str, loan.Row]) -> dict[str, loan.Row]:
    return {found: told for found, told in truth.items() if told["outcome"] == "rollback"}


def test_every_line_is_landed_once_and_as_it_was(landed: Reporting, capture: loan.Capture) -> None:
    told = sorted(line["message"] for line in capture.log())
    assert len(told) == 15_980
    assert sorted(message for (message,) in landed.rows("SELECT message FROM rpt.fact_cloudwatch_log")) == told


def test_every_failed_attempt_has_its_line_with_the_same_state(
    lines: list[tuple[Any, ...]], failures: dict[str, loan.Row]
) -> None:
    errors = [line for line in lines if line[1] == "ERROR" and line[0] is not None]
    assert {found: state for found, *_, state, _, _ in errors} == {
        found: told["sqlstate"] for found, told in failures.items()
    }
    assert len(errors) == len(failures) == 149
    assert Counter(state for *_, state, _, _ in errors) == {
        "57014": 36,
        "22P02": 33,
        "23503": 28,
        "23505": 26,
        "23514": 26,
    }
    assert {(state, error_type) for *_, state, error_type, _ in errors} == set(NAMES_OF_STATES.items())


def test_an_attempt_that_told_who_it_was_is_joined_to_its_case(
    lines: list[tuple[Any, ...]], failures: dict[str, loan.Row]
) -> None:
    """Its message survived the rollback; eight failed before the capture began, and nothing says whose they were."""
    wrong = []
    for correlation_id, level, link, scenario, *_ in lines:
        if correlation_id in failures and level == "ERROR":
            told = failures[correlation_id]
            expected = ("correlated", told["case_id"]) if told["in_stream"] else ("unlinked", None)
            wrong += [] if (link, scenario) == expected else [(correlation_id, link, scenario)]
    assert wrong == []
    assert sum(told["in_stream"] for told in failures.values()) == 141


def test_who_made_the_attempt_is_known(landed: Reporting, failures: dict[str, loan.Row]) -> None:
    who = landed.rows(
        "SELECT c.correlation_id, u.user_id FROM rpt.correlation_touch t JOIN rpt.dim_user u ON u.user_key = t.key"
        " JOIN rpt.correlation c USING (correlation_key) WHERE t.kind = 'user' AND c.correlation_id = ANY(%s)",
        list(failures),
    )
    told = {found: one["actor"] for found, one in failures.items() if one["in_stream"] and one["actor"] is not None}
    assert dict(who) == told


def test_a_failed_attempt_changed_nothing(landed: Reporting, failures: dict[str, loan.Row]) -> None:
    assert landed.rows("SELECT count(*) FROM rpt.fact_row_change WHERE correlation_id = ANY(%s)", list(failures)) == [
        (0,)
    ]


def test_every_commit_has_its_lines(lines: list[tuple[Any, ...]], truth: dict[str, loan.Row]) -> None:
    commits = {found for found, told in truth.items() if told["outcome"] == "commit"}
    logged = {line[0] for line in lines}
    assert len(commits & logged) == len(commits) == 14_659


def test_a_line_is_joined_exactly_where_its_transaction_is_in_the_stream(
    lines: list[tuple[Any, ...]], capture: loan.Capture, truth: dict[str, loan.Row]
) -> None:
    expected = Counter(
        "correlated" if truth.get(line.get("application_name"), {}).get("in_stream") else "unlinked"
        for line in capture.log()
    )
    assert Counter(link for _, _, link, *_ in lines) == expected
    wrong = [
        (correlation_id, scenario)
        for correlation_id, _, link, scenario, *_ in lines
        if link == "correlated" and scenario != truth[correlation_id]["case_id"]
    ]
    assert wrong == []


def test_lines_that_belong_to_no_transaction_have_no_id(lines: list[tuple[Any, ...]]) -> None:
    """The connector's own sessions and the set-up."""
    assert sum(correlation_id is None for correlation_id, *_ in lines) == 11


def test_the_transaction_of_a_line_is_that_of_its_correlation_id(
    capture: loan.Capture, truth: dict[str, loan.Row]
) -> None:
    """What the log itself says, where it says it: it has no transaction id in a transaction's first statement."""
    known = [line for line in capture.log() if line["txid"] and truth.get(line.get("application_name"), {}).get("txid")]
    assert {truth[line["application_name"]]["txid"] == line["txid"] for line in known} == {True}

"""Each broken thing gives its finding and no other; a running product gives none."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from clearsight.doctor.finding import Report
from tests.integration.doctor import (
    bare_source,
    connect_breakages,
    edge_breakages,
    kafka_breakages,
    mapping_breakages,
    report_breakages,
    source_breakages,
)
from tests.integration.doctor.world import BREAKAGES, World

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

REGISTERED = (connect_breakages, edge_breakages, kafka_breakages, mapping_breakages, report_breakages, source_breakages)
SECRETS = re.compile(r"secret-word|change-me")
STATEMENT = re.compile(r"^(ALTER|CREATE|GRANT|REVOKE|SELECT) ")


def assert_only(report: Report, code: str) -> None:
    assert [finding.code for finding in report.findings] == [code], report
    (finding,) = report.findings
    assert finding.mend
    assert "{" not in finding.what
    assert not SECRETS.search(f"{finding.what} {finding.mend}")


def test_a_running_product_has_nothing_wrong(world: World) -> None:
    report = world.examine()
    assert (report.findings, report.consequences, report.not_checked) == ([], [], [])


@pytest.mark.parametrize("code", sorted(BREAKAGES))
def test_exactly_that_finding(world: World, code: str) -> None:
    try:
        assert_only(BREAKAGES[code](world), code)
    finally:
        if code.startswith("source.publication"):
            world.forget_gaps()


def test_a_role_that_may_not_enter_the_schema(world: World) -> None:
    on = "USAGE ON SCHEMA rpt"
    with world.report(f"REVOKE {on} FROM clearsight_api", f"GRANT {on} TO clearsight_api"):
        report = world.examine()
    assert_only(report, "report.api-rights")
    assert "GRANT USAGE ON SCHEMA rpt" in report.findings[0].mend
    assert [each.finding.code for each in report.consequences] == ["api.not-ready"]


def test_old_rows_that_the_mapping_does_not_ask_for_are_not_missed(world: World) -> None:
    mapping = world.mapping_file('run = "run_id"\n', 'run = "run_id"\nreplica_identity = "default"\n')
    with world.source(*(f"ALTER TABLE forecast.run_nodes REPLICA IDENTITY {what}" for what in ("DEFAULT", "FULL"))):
        report = world.examine("source", mapping_file=mapping)
    assert (report.findings, report.not_checked) == ([], [])


def test_everything_was_mended(world: World) -> None:
    report = world.examine()
    assert (report.findings, report.consequences, report.not_checked) == ([], [], [])


@pytest.fixture(scope="module")
def bare() -> Iterator[bare_source.Bare]:
    with bare_source.bare_source() as made:
        yield made


def test_a_bare_source_has_nothing_wrong(bare: bare_source.Bare) -> None:
    with bare.reader():
        report = bare.examine()
    assert (report.findings, report.not_checked) == ([], [])


@pytest.mark.parametrize("code", sorted(bare_source.BREAKAGES))
def test_exactly_that_finding_of_a_bare_source(bare: bare_source.Bare, code: str) -> None:
    assert_only(bare_source.BREAKAGES[code](bare), code)

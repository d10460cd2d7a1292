"""The list of findings, its tests and its document agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clearsight.doctor.catalogue import AREAS, CHECKS, KINDS, table
from tests.integration.doctor import bare_source
from tests.integration.doctor.test_doctor import REGISTERED
from tests.integration.doctor.world import BREAKAGES
from tests.unit.doctor.test_recorded import RECORDED

pytestmark = pytest.mark.unit

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "DOCTOR.md"
OF_THE_COMMAND = {"settings.invalid"}
"""Broken in test_command.py: such settings never become an object."""


def test_every_finding_is_broken_by_a_test_and_no_other() -> None:
    assert REGISTERED
    broken = [*BREAKAGES, *bare_source.BREAKAGES, *RECORDED, *OF_THE_COMMAND]
    assert sorted(broken) == sorted(kind.code for kind in KINDS)


def test_codes_are_area_and_name() -> None:
    for kind in KINDS:
        assert re.fullmatch(r"[a-z]+\.[a-z]+(-[a-z]+)*", kind.code)
        assert kind.area in (*AREAS, "doctor")


def test_each_belongs_to_a_check_and_follows_from_known_ones() -> None:
    codes = {kind.code for kind in KINDS}
    for kind in KINDS:
        assert set(kind.follows) <= codes - {kind.code}
        assert kind.area == "doctor" or kind.check in CHECKS[kind.area]


def test_every_check_can_find_something() -> None:
    for area, checks in CHECKS.items():
        assert set(checks) == {kind.check for kind in KINDS if kind.area == area}


def test_the_document_has_the_same_table() -> None:
    """Renew it with: python -c 'from clearsight.doctor.catalogue import table; print(table())'"""
    assert table() in DOCUMENT.read_text(encoding="utf-8")

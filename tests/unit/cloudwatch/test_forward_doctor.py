"""What `forward doctor` finds, each finding with its mend, and how accounts and groups are named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from moto import mock_aws
from pydantic import SecretStr

from clearsight.doctor import forwarder
from clearsight.doctor.finding import exit_code, report
from clearsight.doctor.forwarder import ForwarderFacts, GroupSeen, PlaceSeen, Setup, judge
from clearsight.errors import ConfigurationError
from clearsight.settings import AccountSettings, CloudWatchSettings, ForwarderSettings, PushSettings, Settings
from connectors.cloudwatch import forwarder_facts, start
from connectors.cloudwatch.groups import GroupFinder
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.places import Place, connect, places

pytestmark = pytest.mark.unit

HOME = Origin("111111111111", "eu-west-1", "")
RIGHT = ForwarderFacts(
    places=(PlaceSeen("111111111111", "eu-west-1", None, groups=(GroupSeen("1", "eu", "/g", "readable"),)),),
    writers=1,
    problems={},
)
SETUP = Setup(tps=4.0, back_ms=(2_000, 30_000, 1_800_000), push_open_at=None)


def place(**changes: Any) -> ForwarderFacts:
    [first] = RIGHT.places
    return msgspec.structs.replace(RIGHT, places=(msgspec.structs.replace(first, **changes),))


def group(outcome: str) -> ForwarderFacts:
    return place(groups=(GroupSeen("1", "eu", "/g", outcome, "CloudWatch answered AccessDenied"),))  # type: ignore[arg-type]


def facts(**changes: Any) -> ForwarderFacts:
    return msgspec.structs.replace(RIGHT, **changes)


def setup(**changes: Any) -> Setup:
    return msgspec.structs.replace(SETUP, **changes)


BROKEN: list[tuple[ForwarderFacts, Setup, forwarder.Kind]] = [
    (place(problem="CloudWatch answered AccessDenied"), SETUP, forwarder.ACCOUNT),
    (place(problem="CloudWatch does not answer", is_away=True), SETUP, forwarder.UNREACHABLE),
    (group("unreadable"), SETUP, forwarder.GROUP),
    (group("none"), SETUP, forwarder.NO_SUCH_PREFIX),
    (place(read=50, poll_every_ms=12_500), SETUP, forwarder.FEW_CALLS),
    (place(identity="222222222222"), SETUP, forwarder.ACCOUNT_ID),
    (RIGHT, setup(back_ms=(40_000, 30_000, 1_800_000)), forwarder.TIERS),
    (RIGHT, setup(push_open_at="0.0.0.0:9465"), forwarder.PUSH_OPEN),
    (facts(writers=0), SETUP, forwarder.NOBODY_WRITES),
    (facts(problems={"/g": "CloudWatch answered AccessDenied"}), SETUP, forwarder.UNHEALTHY),
]


def test_nothing_is_found_where_all_is_right() -> None:
    found = report([judge(RIGHT, SETUP)])
    assert found.findings == []
    assert exit_code(found.findings, strict=True) == 0


@pytest.mark.parametrize(("facts", "setup", "kind"), BROKEN)
def test_each_wrong_thing_is_one_finding(facts: ForwarderFacts, setup: Setup, kind: forwarder.Kind) -> None:
    [found] = report([judge(facts, setup)]).findings
    assert found.code == kind.code
    assert "{" not in found.what + found.mend


def test_every_kind_is_tried() -> None:
    assert {kind.code for _, _, kind in BROKEN} == {kind.code for kind in forwarder.KINDS}


def test_every_finding_is_in_the_guide() -> None:
    guide = (Path(__file__).resolve().parents[3] / "docs" / "FORWARDER.md").read_text()
    assert [kind.code for kind in forwarder.KINDS if f"`{kind.code}`" not in guide] == []


def test_what_cannot_be_seen_is_not_judged() -> None:
    found = report([judge(facts(writers=None, problems=None), SETUP)])
    assert [left.check for left in found.not_checked] == ["writer"]


def test_what_the_settings_ask_for() -> None:
    settings = Settings(forwarder=ForwarderSettings(http_host="0.0.0.0", push=PushSettings(http=True)))
    assert forwarder_facts.asked_for(settings).push_open_at == "0.0.0.0:9465"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto's: its account is 123456789012, and has thirty log groups, of which none is found by its ARN."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        logs = boto3.client("logs", region_name="eu-west-1")
        for number in range(30):
            logs.create_log_group(logGroupName=f"/g/{number}")
        yield


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("cloudwatch", "codes"),
    [
        ({"account_id": "123456789012", "groups": ("/g/*", "/g/7")}, [forwarder.FEW_CALLS.code]),
        ({"account_id": "123456789012", "groups": ("/g/1*", "/g/7")}, [forwarder.FEW_CALLS.code]),
        ({"account_id": "123456789012", "groups": ("/g/7",)}, []),
        ({"groups": ("/g/7",)}, [forwarder.ACCOUNT_ID.code]),
        ({"groups": ("arn:aws:logs:eu-west-1:123456789012:log-group:/g/7",)}, [forwarder.GROUP.code]),
    ],
)
def test_what_is_there_is_counted_and_asked_for_its_account(cloudwatch: dict[str, Any], codes: list[str]) -> None:
    settings = Settings(cloudwatch=CloudWatchSettings(**cloudwatch))
    seen = facts(places=forwarder_facts.look_at_places(settings))
    assert [found.code for found in report([judge(seen, forwarder_facts.asked_for(settings))]).findings] == codes


def test_the_policy_only_reads() -> None:
    text = (Path(forwarder_facts.__file__).parent / "iam-policy.json").read_text()
    actions = [action for statement in json.loads(text)["Statement"] for action in statement["Action"]]
    assert {"logs:FilterLogEvents", "logs:DescribeLogGroups"} <= set(actions)
    reading = ("Filter", "Describe", "List", "Get", "StartQuery", "StopQuery", "AssumeRole")
    assert [a for a in actions if not a.partition(":")[2].startswith(reading)] == []


class Catalogue:
    """DescribeLogGroups in pages of two."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)

    def describe_log_groups(self, **asked: Any) -> dict[str, Any]:
        first = int(asked.get("nextToken", "0"))
        fitting = [name for name in sorted(self.names) if name.startswith(asked.get("logGroupNamePrefix", ""))]
        page = {"logGroups": [{"logGroupName": name} for name in fitting[first : first + 2]]}
        return page if first + 2 >= len(fitting) else {**page, "nextToken": str(first + 2)}


def test_a_prefix_finds_all_pages_and_later_what_is_new() -> None:
    catalogue = Catalogue("/a/1", "/a/2", "/a/3", "/a/4", "/a/5", "/b/1")
    finder = GroupFinder(catalogue, ("/a/*", "/a/2", "/c"), HOME.account, HOME.region, HOME)
    assert [target.name for target in finder.fixed()] == ["/a/2", "/c"]
    assert sorted(target.name for target in finder.discover()) == ["/a/1", "/a/3", "/a/4", "/a/5"]
    assert finder.discover() == []
    catalogue.names.append("/a/6")
    assert [target.name for target in finder.discover()] == ["/a/6"]


def test_why_a_group_is_read_no_longer() -> None:
    home = GroupFinder(Catalogue(), ("/a/*", "/c"), HOME.account, HOME.region, HOME)
    far = f"222222222222:{HOME.region}:/a/1"
    assert [home.why_not(each) for each in ("/a/1", "/b", far)] == ["deleted", "unnamed", "unnamed"]


def test_an_arn_is_asked_as_it_is_and_named_by_its_account() -> None:
    arn = "arn:aws:logs:eu-west-1:222222222222:log-group:/far"
    finder = GroupFinder(Catalogue(), (f"{arn}:*", arn), HOME.account, HOME.region, HOME)
    [target] = finder.fixed()
    assert target.identifier == arn
    assert target.name == "222222222222:eu-west-1:/far"
    assert target.origin == Origin("222222222222", "eu-west-1", "/far")


@pytest.mark.parametrize(
    "pattern", ["arn:aws:logs:eu-west-1:1:log-stream:x", "arn:", "arn:aws:logs:us-east-1:1:log-group:/g"]
)
def test_an_arn_that_cannot_be_asked_here_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError):
        GroupFinder(Catalogue(), (pattern,), HOME.account, HOME.region, HOME)


def test_every_region_of_every_account_is_a_place() -> None:
    other = AccountSettings(
        id="2", role_arn="arn:aws:iam::2:role/r", regions=("us-east-1", "eu-west-1"), groups=("/x",)
    )
    found = [(p.account, p.region) for p in places(CloudWatchSettings(account_id="1", accounts=(other,)))]
    assert found == [("1", "eu-west-1"), ("2", "us-east-1"), ("2", "eu-west-1")]


def test_coverage_waits_for_what_the_forwarder_calls_the_groups() -> None:
    arn = "arn:aws:logs:eu-west-1:3:log-group:/shared"
    other = AccountSettings(id="2", regions=("us-east-1",), groups=("/x",))
    settings = CloudWatchSettings(account_id="1", groups=("/g", arn), accounts=(other,))
    assert settings.expected_groups == ("/g", "3:eu-west-1:/shared", "2:us-east-1:/x")
    assert CloudWatchSettings(groups=("/g", "/h/*")).expected_groups == ()
    home = Origin("1", "eu-west-1", "")
    called = [target.name for target in GroupFinder(Catalogue(), settings.groups, "1", "eu-west-1", home).fixed()]
    assert called == list(settings.expected_groups[:2])


def test_another_accounts_role_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        far = Place("222222222222", "eu-west-1", (), None, "arn:aws:iam::222222222222:role/logs", SecretStr("outside"))
        there = connect(far)
        there.create_log_group(logGroupName="/there")
        here = boto3.client("logs", region_name="eu-west-1")
        assert [g["logGroupName"] for g in there.describe_log_groups()["logGroups"]] == ["/there"]
        assert here.describe_log_groups()["logGroups"] == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(cloudwatch=CloudWatchSettings(groups=())), "groups is empty"),
        (Settings(forwarder=ForwarderSettings(http_port=None, push=PushSettings(http=True))), "has no port"),
        (Settings(forwarder=ForwarderSettings(http_host="0.0.0.0", push=PushSettings(http=True))), "open to everybody"),
    ],
)
def test_a_setting_that_cannot_be_meant_ends_it_at_once(settings: Settings, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        start.run(settings)
    assert caught.value.mend

"""How the tiers follow from the lag that is seen, and how the quota is kept."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.settings import CloudWatchSettings, ForwarderSettings, PushSettings
from connectors.cloudwatch.groups import GroupFinder, Target
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pace import ENOUGH, Limits, Pace
from connectors.cloudwatch.polled import PolledGroups
from connectors.cloudwatch.quota import Quota
from connectors.cloudwatch.tiers import AWS_TPS, limits, quota_tps
from connectors.cloudwatch.visible_lag import STEP, VisibleLag
from connectors.cloudwatch.window import Tier, Window

pytestmark = pytest.mark.unit

NOW = 1_795_000_000_000
SETTINGS = ForwarderSettings()
LIMITS = limits(SETTINGS, 2, 100.0)


def paced(lags_ms: list[int], limits: tuple[Limits, ...] = LIMITS) -> tuple[Tier, ...]:
    pace = Pace(limits)
    for lag_ms in lags_ms:
        pace.observe(lag_ms)
    return pace.tiers(NOW)


def aws_lags(count: int = 5_000) -> list[int]:
    chance = random.Random(1)
    return [
        chance.choice([chance.randint(300, 8_000)] * 90 + [chance.randint(3_000, 90_000)] * 10) for _ in range(count)
    ]


@given(st.lists(st.integers(0, 10_000_000), min_size=1))
def test_a_quantile_is_not_below_the_true_one(lags: list[int]) -> None:
    histogram = VisibleLag()
    for lag in lags:
        histogram.observe(lag)
    for share in (0.5, 0.95, 1.0):
        true = sorted(lags)[max(0, round(share * len(lags) + 0.499999) - 1)]
        assert histogram.quantile_ms(share) >= min(true, 10_000_000) / STEP - 1
    assert histogram.most_ms == max(lags)


def test_what_was_seen_two_stretches_ago_is_forgotten() -> None:
    histogram = VisibleLag()
    histogram.observe(90_000)
    histogram.turn()
    assert histogram.most_ms == 90_000
    histogram.turn()
    assert (histogram.count, histogram.most_ms) == (0, 0)


def test_the_least_is_read_while_little_was_seen() -> None:
    assert paced(aws_lags(ENOUGH - 1)) == tuple(limit.least for limit in LIMITS)


def test_late_lines_widen_the_tiers_and_slow_the_polls() -> None:
    hot, warm, cold = paced(aws_lags())
    assert 8_000 < hot.back_ms < 60_000
    assert 500 < hot.every_ms <= 5_000
    assert warm.back_ms > 60_000
    assert cold.back_ms == int(SETTINGS.cold_back_s * 1000)


def test_calm_lines_keep_the_tiers_as_they_are() -> None:
    assert paced([300] * 5_000) == tuple(limit.least for limit in LIMITS)


def test_what_is_usual_is_the_lag_of_nearly_all_lines_of_the_group_or_of_all() -> None:
    few, many = (Pace(LIMITS, everywhere=everywhere, unknown_ms=30_000) for everywhere in [VisibleLag()] * 2)
    assert few.usual_ms(NOW) == 30_000
    for lag_ms in aws_lags():
        many.observe(lag_ms)
    assert 60_000 < many.usual_ms(NOW) <= many.tiers(NOW)[1].back_ms
    few.observe(100)
    assert few.usual_ms(NOW) == few.tiers(NOW)[1].back_ms == 30_000
    for _ in range(ENOUGH):
        few.observe(100)
    assert few.usual_ms(NOW) < SETTINGS.settle_ms


@pytest.mark.parametrize("lag_ms", [300, 1_000, 1_900, 2_100])
def test_calm_lines_are_waited_for_no_longer_than_the_hot_tier_reaches(lag_ms: int) -> None:
    pace = Pace(LIMITS)
    for lag in [300] * 980 + [lag_ms] * 20:
        pace.observe(lag)
    assert pace.usual_ms(NOW) <= pace.tiers(NOW)[0].back_ms == SETTINGS.settle_ms


@pytest.mark.parametrize(("unknown_ms", "usual_ms"), [(30_000, 30_000), (7_200_000, 1_800_000), (0, 0)])
def test_behind_a_push_what_is_unknown_is_waited_for_as_far_as_the_cold_tier_reaches(
    unknown_ms: int, usual_ms: int
) -> None:
    pace = Pace(limits(ForwarderSettings(push=PushSettings(cold_only=True)), 1, 4.0), unknown_ms=unknown_ms)
    assert pace.usual_ms(NOW) == usual_ms


@given(st.lists(st.integers(0, 100_000_000), min_size=ENOUGH, max_size=ENOUGH + 50))
def test_no_tier_reaches_less_far_than_promised(lags: list[int]) -> None:
    for tier, limit in zip(paced(lags), LIMITS, strict=True):
        assert limit.least.back_ms <= tier.back_ms <= limit.most.back_ms
        assert limit.least.every_ms <= tier.every_ms <= limit.most.every_ms


def test_a_poll_that_takes_long_comes_less_often() -> None:
    pace = Pace(LIMITS)
    for lag_ms in aws_lags():
        pace.observe(lag_ms)
    for _ in range(50):
        pace.completed(Window(0, NOW - 10, NOW, NOW), NOW, NOW + 900, 10)
    assert pace.tiers(NOW)[0].every_ms > 3_000


def test_an_idle_group_is_polled_rarely_until_a_line_comes() -> None:
    pace = Pace(LIMITS, idle_ms=5_000)
    pace.completed(Window(0, NOW - 10, NOW, NOW), NOW, NOW, 3)
    assert pace.tiers(NOW + 59_000)[0].every_ms == SETTINGS.poll_interval_ms
    assert pace.tiers(NOW + 61_000)[0].every_ms == 5_000
    pace.completed(Window(0, NOW - 10, NOW, NOW), NOW + 65_000, NOW + 65_000, 1)
    assert pace.tiers(NOW + 66_000)[0].every_ms == SETTINGS.poll_interval_ms


def test_an_idle_group_makes_fifteen_calls_a_minute_at_most() -> None:
    pace = Pace(limits(SETTINGS, 1, AWS_TPS), idle_ms=5_000)
    pace.completed(Window(0, NOW - 10, NOW, NOW), NOW, NOW, 0)
    assert sum(60_000 / tier.every_ms for tier in pace.tiers(NOW + 120_000)) <= 15


def test_polls_of_many_groups_share_half_of_the_quota() -> None:
    tps = quota_tps(SETTINGS, CloudWatchSettings())
    for groups in (1, 2, 50):
        hot = limits(SETTINGS, groups, tps)[0].least
        assert groups * 1000 / hot.every_ms <= tps / 2
    assert quota_tps(SETTINGS, CloudWatchSettings(endpoint_url="http://127.0.0.1:1")) > tps


class Catalogue:
    """DescribeLogGroups; `names` come and go."""

    def __init__(self, count: int) -> None:
        self.names = [f"/x/{number}" for number in range(count)]

    def describe_log_groups(self, **_: str) -> dict[str, list[dict[str, str]]]:
        return {"logGroups": [{"logGroupName": name} for name in self.names]}


def test_all_groups_that_a_prefix_finds_share_half_of_the_quota() -> None:
    catalogue, home, paces = Catalogue(200), Origin("1", "eu-west-1", ""), dict[str, Pace]()
    finder = GroupFinder(catalogue, ("/fixed", "/x/*"), home.account, home.region, home)

    def make(target: Target, pace: Pace) -> str:
        paces[target.name] = pace
        return target.name

    groups = PolledGroups(finder, lambda count: limits(SETTINGS, count, AWS_TPS), make, tune=True, idle_ms=0)

    def calls_per_s() -> float:
        return sum(1000 / pace.tiers(NOW)[0].every_ms for pace in paces.values())

    assert groups.fixed() == ["/fixed"]
    assert calls_per_s() == AWS_TPS / 2
    assert len(groups.discover()) == 200
    assert {pace.tiers(NOW)[0].every_ms for pace in paces.values()} == {100_500}
    for name in catalogue.names[50:]:
        groups.forget(name)
        del paces[name]
    catalogue.names = [*catalogue.names[:50], "/x/new"]
    assert groups.discover() == ["/x/new"]
    assert calls_per_s() == pytest.approx(AWS_TPS / 2)


def test_only_the_cold_tier_is_read_behind_a_push() -> None:
    settings = ForwarderSettings(push=PushSettings(cold_only=True))
    [cold] = limits(settings, 2, 4.0)
    assert cold.least == Tier(1_800_000, 900_000)


def test_the_quota_is_kept() -> None:
    quota, now, taken = Quota(5.0, 0.0), 0.0, 0
    while now < 60:
        wait_s = quota.take(now)
        taken += wait_s == 0
        now += wait_s + 0.001
    assert 290 <= taken <= 306


def test_throttling_slows_down_and_answers_speed_up_again() -> None:
    quota = Quota(8.0, 0.0)
    quota.throttled()
    quota.throttled()
    assert quota.per_s == 2.0
    assert quota.take(0.0) > 0
    for _ in range(1000):
        quota.throttled()
    assert quota.per_s == pytest.approx(0.4)
    for _ in range(1000):
        quota.answered()
    assert quota.per_s == 8.0

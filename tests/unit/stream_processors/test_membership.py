"""A worker that its group has forgotten stops; one whose Kafka is away waits."""

from __future__ import annotations

import pytest

from clearsight.errors import Unavailable
from stream_processors.membership import LIMIT_S, Membership

pytestmark = pytest.mark.unit


class World:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.kafka_answers = True
        self.membership = Membership(lambda: self.now_s, lambda: self.kafka_answers)


def test_a_worker_that_lost_its_partitions_and_gets_none_stops() -> None:
    world = World()
    world.membership.lost()
    world.now_s += LIMIT_S - 1
    world.membership.check()
    world.now_s += 1
    with pytest.raises(Unavailable, match="no partitions for 60 s"):
        world.membership.check()


def test_while_kafka_is_away_it_waits_and_then_as_long_again() -> None:
    world = World()
    world.membership.lost()
    world.kafka_answers = False
    world.now_s += LIMIT_S
    world.membership.check()
    world.kafka_answers = True
    world.now_s += LIMIT_S - 1
    world.membership.check()
    world.now_s += 1
    with pytest.raises(Unavailable):
        world.membership.check()


def test_one_that_was_dealt_partitions_or_none_goes_on() -> None:
    world = World()
    world.membership.check()
    world.membership.lost()
    world.membership.dealt()
    world.now_s += 10 * LIMIT_S
    world.membership.check()

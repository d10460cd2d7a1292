"""Everything random in the demo: names, values and order follow from the seed alone, ids from seed and round.

A round is one use of a seed on one database, so that the same seed can be played again beside what is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from uuid import UUID

FIRST_NAMES = (
    "Ana",
    "Björn",
    "Chloé",
    "Dara",
    "Eszter",
    "Fatima",
    "Güneş",
    "Hanna",
    "Ivo",
    "Jürgen",
    "Κώστας",
    "Liam",
    "美咲",
    "Noor",
    "Zoë",
)
LAST_NAMES = (
    "O'Brien",
    "Müller",
    "Nowak",
    "Silva",
    "García-López",
    "van der Berg",
    "Ölmez",
    "d'Angelo",
    "Smith",
    "Παπαδόπουλος",
    "佐藤",
)
REGIONS = ("DACH", "Iberia", "Nordics", "Benelux", "UK & Ireland", "Ελλάδα", "日本", "Türkiye", "Mid-West")
PRODUCTS = (
    "cold drinks",
    '"Prime" coffee',
    "snacks",
    "garden tools",
    "e-bikes",
    "Käse & Butter",
    "baby's food",
    "冬物",
    "toys 🚚",
)
QUARTERS = ("Q1", "Q2", "Q3", "Q4", "FY27", "Week 48", "Easter", "Black Friday")
REMARKS = (
    "agreed with sales",
    'says "too low"',
    "it's a guess",
    "see mail — 12 %",
    "pending\nsecond line",
    "Tab\there",
    "ok \\ done",
    "😀",
)


@dataclass(frozen=True)
class Person:
    user_id: UUID
    name: str
    email: str


class Seeds:
    """Named streams of random decisions; the same name gives the same decisions, whoever else has drawn from others."""

    def __init__(self, seed: int, round_: int = 0) -> None:
        self.seed = seed
        self.round = round_

    def decisions(self, label: str) -> Random:
        """Names, values, order."""
        return Random(f"{self.seed}/{label}")  # noqa: S311 - a demo that can be repeated, not a secret

    def ids(self, label: str) -> Ids:
        return Ids(Random(f"{self.seed}/{self.round}/{label}/ids"))  # noqa: S311


class Ids:
    """A stream of ids."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def uuid(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)

    def correlation_id(self) -> str:
        return str(self.uuid())


def person(random: Random, ids: Ids) -> Person:
    user_id = ids.uuid()
    return Person(user_id, person_name(random), f"{user_id.hex[:12]}@example.com")


def person_name(random: Random) -> str:
    return f"{random.choice(FIRST_NAMES)} {random.choice(LAST_NAMES)}"


def scenario_name(random: Random) -> str:
    return f"{random.choice(QUARTERS)} {random.choice(PRODUCTS)}, {random.choice(REGIONS)}"


def remark(random: Random) -> str | None:
    return random.choice((*REMARKS, None))

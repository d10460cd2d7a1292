"""Cuts what is read into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")

BATCH_EVENTS = 5_000


def in_batches(items: Iterable[Item], size: int = BATCH_EVENTS) -> Iterator[list[Item]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch

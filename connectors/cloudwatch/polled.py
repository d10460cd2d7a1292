"""The log groups of one account and region as they are polled: they share its quota, so the more of them there are, the
more rarely each is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from connectors.cloudwatch.groups import GroupFinder, Target
from connectors.cloudwatch.pace import Limits, Pace
from connectors.cloudwatch.visible_lag import VisibleLag

Pull = TypeVar("Pull")


class PolledGroups(Generic[Pull]):
    """`limits_of` gives the limits of each of so many groups, `make` what reads a group at a pace."""

    def __init__(
        self,
        finder: GroupFinder,
        limits_of: Callable[[int], Sequence[Limits]],
        make: Callable[[Target, Pace], Pull],
        *,
        tune: bool,
        idle_ms: int,
        unknown_ms: int = 0,
    ) -> None:
        self._finder = finder
        self._limits_of = limits_of
        self._make = make
        self._tune = tune
        self._idle_ms = idle_ms
        self._unknown_ms = unknown_ms
        self._lag = VisibleLag()
        self._paces: dict[str, Pace] = {}

    @property
    def limits(self) -> Sequence[Limits]:
        """Of each of the groups that are read now."""
        return self._limits_of(max(1, len(self._paces)))

    def fixed(self) -> list[Pull]:
        """Those that need no look."""
        return self._taken_up(self._finder.fixed())

    def discover(self) -> list[Pull]:
        """Those that a prefix finds and that were not given before. Raises CloudWatchFailure."""
        return self._taken_up(self._finder.discover())

    def forget(self, name: str) -> None:
        """It is gone: should it come back, `discover` gives it again."""
        self._finder.forget(name)
        self._paces.pop(name, None)
        self._share()

    def _taken_up(self, targets: Iterable[Target]) -> list[Pull]:
        made = [self._make(target, self._pace(target.name)) for target in targets]
        self._share()
        return made

    def _pace(self, name: str) -> Pace:
        self._paces[name] = Pace(
            self.limits, tune=self._tune, idle_ms=self._idle_ms, everywhere=self._lag, unknown_ms=self._unknown_ms
        )
        return self._paces[name]

    def _share(self) -> None:
        limits = self.limits
        for pace in self._paces.values():
            pace.limit(limits)

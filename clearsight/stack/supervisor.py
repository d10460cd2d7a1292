"""The stack of one home: up, down, restart, status."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from clearsight.errors import StackError
from clearsight.stack import home as homes
from clearsight.stack import ports, processes, state
from clearsight.stack.part import Part, Plan, Report, Site, quiet
from clearsight.stack.programs import all_parts
from clearsight.stack.runner import Runner, end_unrecorded
from clearsight.stack.state import StackState
from clearsight.stack.status import Description, PartStatus, description, part_status


class Stack:
    """`parts` is the whole stack unless a test passes its own."""

    def __init__(self, home: Path, parts: Iterable[Part] | None = None) -> None:
        self.home = home.resolve()
        self._plan = Plan(all_parts() if parts is None else parts)

    def up(self, only: Iterable[str] | None = None, report: Report = quiet) -> None:
        """Start what is not running: everything, or the named parts and all that they need.

        Raises StackError when a part does not come to answer; what was started stays up for a look.
        """
        wanted = self._plan.with_needs(self._plan.parts if only is None else only)
        fixed = ports.fixed_ports(os.environ)
        homes.prepare(self.home)
        with homes.locked(self.home, lambda: report("", "waiting for another clearsight up or down")):
            kept = state.load(self.home)
            end_unrecorded(self._plan, self._site(kept, report), kept)
            moved = self._choose_ports(kept, fixed)
            runner = self._runner(kept, report)
            self._follow_moved_ports(moved, runner, kept, report)
            runner.start(wanted)

    def down(self, purge: bool = False, report: Report = quiet) -> None:
        """Stop everything, in reverse order; with `purge` remove all data as well."""
        lived = self.home.exists()
        homes.make(self.home)
        with homes.locked(self.home, lambda: report("", "waiting for another clearsight up or down")):
            kept = self._state_for_down(purge)
            if kept.ports:
                self._runner(kept, report).stop(self._plan.parts)
            end_unrecorded(self._plan, self._site(kept, report), kept)
            if purge:
                report("", "removing all data")
                for part in self._plan.parts.values():
                    part.purge(self._site(kept, report))
            if purge or not lived:
                homes.remove(self.home)

    def restart(self, part: str, report: Report = quiet) -> None:
        """Stop one part and start it again, leaving the others alone."""
        self._plan.with_needs([part])
        with homes.locked(self.home, lambda: report("", "waiting for another clearsight up or down")):
            kept = state.load(self.home)
            runner = self._runner(kept, report)
            runner.stop([part])
            runner.start({part})

    def status(self) -> list[PartStatus]:
        """Every part, in starting order."""
        kept = state.load(self.home)
        return [part_status(part, self._site(kept), kept) for part in self._plan.parts.values()]

    def description(self) -> Description:
        """The status with the addresses. Holds passwords."""
        return description(self.status(), state.load(self.home))

    def site(self) -> Site:
        """Addresses, ports and passwords of this stack."""
        return self._site(state.load(self.home))

    def log(self, part: str) -> Path:
        """Where the part writes. Raises StackError for a name that is none."""
        self._plan.with_needs([part])
        return Site(self.home, {}, {}).log(part)

    def _site(self, kept: StackState, report: Report = quiet) -> Site:
        return Site(self.home, kept.ports, kept.passwords, report)

    def _runner(self, kept: StackState, report: Report) -> Runner:
        return Runner(self._plan, self._site(kept, report), kept)

    def _choose_ports(self, kept: StackState, fixed: dict[str, int]) -> tuple[str, ...]:
        """The names of ports that changed. A running part keeps its own."""
        running = (name for name, record in kept.processes.items() if processes.find(record))
        in_use = frozenset(
            port for name in running if name in self._plan.parts for port in self._plan.parts[name].ports
        )
        choice = ports.choose(kept.ports, fixed, in_use, ports.free_on_loopback)
        kept.ports = choice.ports
        kept.complete()
        state.save(self.home, kept)
        return choice.moved

    def _follow_moved_ports(self, moved: tuple[str, ...], runner: Runner, kept: StackState, report: Report) -> None:
        """Running parts that know an old address are stopped, to be started with the new one."""
        for name in moved:
            report("", f"the port of {name} was taken meanwhile; it is {kept.ports[name]} now")
        if moved:
            runner.stop(
                self._plan.dependents(name for name, part in self._plan.parts.items() if {*part.ports} & {*moved})
            )

    def _state_for_down(self, purge: bool) -> StackState:
        """An unreadable state stands in the way of everything but a purge."""
        try:
            return state.load(self.home)
        except StackError:
            if not purge:
                raise
            return StackState()

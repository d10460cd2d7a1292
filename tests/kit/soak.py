"""Hours of log lines in minutes, some of them late, from a CloudWatch that misbehaves, while the forwarder is killed."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from kit.forwarding import Programs, logs_client
from kit.waiting import until

from clearsight.topics import TopicNames
from connectors.cloudwatch import event_ids

LATE = ((0.9, 200, 3_000), (0.09, 3_000, 20_000), (0.009, 20_000, 120_000), (0.001, 120_000, 780_000))
"""Shares of lines that an application sends so many milliseconds after they happened."""

BATCH_MS = 1_000
HELD_UP_MS = 60_000
"""Who could write nothing for longer has nothing to say of the time before: it would come later than LATE."""
SETTLED_LIMIT_S = 900.0


@dataclass(frozen=True)
class Plan:
    events: int
    minutes: float
    """Of event time."""
    speed: float
    kills: int
    seed: int
    profile: str = "worse"
    cold_interval_s: float = 900.0
    cold_back_s: float = 1800.0


@dataclass(frozen=True)
class Outcome:
    events: int
    lost: int
    doubled: int
    kills: int
    writers_killed: int
    """Kills of a forwarder that was at work; the others hit one that had not come that far since the kill before."""
    cold_periods: int
    rss_mb: int
    """The most memory that any forwarder took."""
    late: int
    """Lines that were written more than a minute after they happened."""
    missing: tuple[tuple[str, int, int], ...] = ()
    """Of what was lost, the first: event id, event time, and when CloudWatch accepted it, in epoch milliseconds."""


class Soak:
    def __init__(self, folder: Path, servers: str, names: TopicNames, plan: Plan) -> None:
        self.plan = plan
        clock = {
            "CLEARSIGHT_CLOUDWATCH__CLOCK_SPEED": str(plan.speed),
            "CLEARSIGHT_CLOUDWATCH__CLOCK_ORIGIN_MS": str(time.time_ns() // 1_000_000),
        }
        tiers = {
            "CLEARSIGHT_FORWARDER__COLD_INTERVAL_S": str(plan.cold_interval_s),
            "CLEARSIGHT_FORWARDER__COLD_BACK_S": str(plan.cold_back_s),
            "CLEARSIGHT_FORWARDER__START_BACK_S": "3600",
        }
        self.programs = Programs(folder, servers, names, ("/soak",), clock | tiers)
        self._chance = random.Random(plan.seed)
        self._forwarder: subprocess.Popen[bytes] | None = None
        self._kills = 0
        self._writers_killed = 0
        self._rss_mb = 0
        self._late = 0

    def run(self, say: Callable[[str], None] = lambda _: None) -> Outcome:
        """Write the plan's events, kill on the way, wait until the cold tier has passed all of it, and compare."""
        programs = self.programs
        programs.simulator("--profile", self.plan.profile, "--seed", str(self.plan.seed))
        began = programs.simulated_now()
        self._forwarder = programs.forwarder()
        programs.wait_until_ready()
        self._write(began, say)
        ended = programs.simulated_now()
        self._settle(ended, say)
        outcome = self._outcome(int((programs.simulated_now() - began) / 1000 / self.plan.cold_interval_s))
        programs.close()
        return outcome

    def _write(self, began: int, say: Callable[[str], None]) -> None:
        logs = logs_client(self.programs.port)
        logs.create_log_stream(logGroupName="/soak", logStreamName="s")
        length_ms = int(self.plan.minutes * 60_000)
        kills = sorted(self._chance.uniform(0.02, 0.98) for _ in range(self.plan.kills))
        written = 0
        first = last = self.programs.simulated_now()
        while written < self.plan.events:
            now = self.programs.simulated_now()
            last = max(last, now - HELD_UP_MS)
            if now - last < BATCH_MS:
                time.sleep((BATCH_MS - (now - last)) / 1000 / self.plan.speed)
                continue
            due = min(self.plan.events, int(self.plan.events * (now - first) / length_ms)) - written
            for part in range(0, due, 2_000):
                count = min(2_000, due - part)
                logs.put_log_events(
                    logGroupName="/soak", logStreamName="s", logEvents=self._events(now, last, written, count)
                )
                written += count
            last = now
            while kills and written >= kills[0] * self.plan.events:
                kills.pop(0)
                self._kill()
            self._weigh()
            say(f"{written:,} of {self.plan.events:,} lines, {self._kills} kills")

    def _events(self, now: int, last: int, number: int, count: int) -> list[dict[str, Any]]:
        stamps = sorted(self._chance.randint(last + 1, now) - self._lateness() for _ in range(count))
        return [{"timestamp": at, "message": self._message(number + n)} for n, at in enumerate(stamps)]

    def _lateness(self) -> int:
        place = self._chance.random()
        for share, least, most in LATE:
            if place < share:
                late_ms = self._chance.randint(least, most)
                self._late += late_ms > 60_000
                return late_ms
            place -= share
        return 0

    def _message(self, number: int) -> str:
        level = "ERROR" if number % 50 == 0 else "INFO"
        return json.dumps(
            {
                "level": level,
                "service": "soak",
                "location": "handler:42",
                "message": f"step {number} of the forecast is done",
                "correlation_id": f"c-{number // 40}",
                "function_request_id": f"r-{number // 40}",
                "xray_trace_id": "1-5759e988-bd862e3fe1be46a994272793",
            }
        )

    def _kill(self) -> None:
        assert self._forwarder is not None
        self._writers_killed += self.programs.ready_file.exists()
        self._forwarder.kill()
        self._forwarder.wait()
        self._kills += 1
        self._forwarder = self.programs.forwarder()

    def _weigh(self) -> None:
        assert self._forwarder is not None
        assert self._forwarder.poll() is None, "the forwarder ended by itself"
        self._rss_mb = max(self._rss_mb, psutil.Process(self._forwarder.pid).memory_info().rss >> 20)

    def _settle(self, ended: int, say: Callable[[str], None]) -> None:
        """Until the cold tier has read everything after the last of it could be read."""

        def settled() -> bool:
            self._weigh()
            state = self.programs.states().get("/soak")
            say(
                f"settled through {(ended - state.settled[-1]) / 1000 if state and state.settled else 0:.0f} s before the end"
            )
            return state is not None and bool(state.settled) and state.settled[-1] > ended

        until(settled, "the cold tier has passed the end", SETTLED_LIMIT_S, every_s=1.0)

    def _outcome(self, cold_periods: int) -> Outcome:
        accepted, published = self.programs.ledger(), Counter(self.programs.published())
        lost = sorted(set(accepted) - published.keys())
        return Outcome(
            events=len(accepted),
            lost=len(lost),
            missing=tuple((event_id, *event_ids.parts(int(event_id))[:2]) for event_id in lost[:100]),
            doubled=sum(count - 1 for count in published.values()),
            kills=self._kills,
            writers_killed=self._writers_killed,
            rss_mb=self._rss_mb,
            cold_periods=cold_periods,
            late=self._late,
        )

"""What the capture says about states and runs, told by a plain replay in the order of the connector: an oracle that shares
no code with the product."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from kit.loan import Record, Row


class Step(NamedTuple):
    """A case entered a status, at the commit time in microseconds."""

    case: str
    status_before: str
    status: str
    committed_us: int


class Start(NamedTuple):
    """Where the stream showed a change of a run for the first time, and the offers of its case then: offer → amount."""

    place: int
    inputs: dict[str, str]


class Run(NamedTuple):
    case: str
    status: str
    started: datetime | None
    finished: datetime | None
    deleted: bool
    start: Start | None
    """None where only a snapshot has seen it."""
    succeeded: int | None
    """Where it was complete for the first time; -1 where a snapshot saw it so."""


class Replay:
    """States and runs of a whole capture."""

    def __init__(self, stream: list[Record]) -> None:
        self.steps: list[Step] = []
        self.runs: dict[str, Run] = {}
        self._offers: dict[str, tuple[str, str]] = {}
        for place, record in enumerate(stream):
            value = record.decoded()
            if value.get("op") and value["source"]["snapshot"] != "incremental":
                self._read(place, record.topic.rpartition(".")[2], value["op"], value)

    def last_good(self, key: str) -> str | None:
        """The run of the same case that had succeeded last when this one started, if it is complete to this day. Those of
        the snapshot come first, among themselves by when they finished."""
        run = self.runs[key]
        assert run.start is not None
        good = [
            (other.succeeded, other.finished, name)
            for name, other in self.runs.items()
            if other.case == run.case and name != key and other.status == "COMPLETE"
            if other.succeeded is not None and other.succeeded < run.start.place
        ]
        return max(good)[2] if good else None

    def _read(self, place: int, table: str, op: str, value: Row) -> None:
        if table == "application" and op == "u":
            self._step(value)
        elif table == "offer":
            self._offer(op, value)
        elif table == "work_item":
            self._run(place, op, value["after"] or value["before"])

    def _step(self, value: Row) -> None:
        before, after = value["before"], value["after"]
        if before["status"] != after["status"]:
            self.steps.append(Step(str(after["id"]), before["status"], after["status"], value["source"]["ts_us"]))

    def _offer(self, op: str, value: Row) -> None:
        if op == "d":
            del self._offers[value["before"]["id"]]
        else:
            row = value["after"]
            self._offers[row["id"]] = (str(row["application_id"]), row["amount"])

    def _run(self, place: int, op: str, row: Row) -> None:
        key, case = f"{row['application_id']}/{row['activity']}/{row['run_no']}", str(row["application_id"])
        known = self.runs.get(key)
        start, succeeded = (known.start, known.succeeded) if known else (None, None)
        if start is None and op != "r":
            start = Start(place, {offer: amount for offer, (owner, amount) in self._offers.items() if owner == case})
        if succeeded is None and op != "d" and row["lifecycle"] == "COMPLETE":
            succeeded = -1 if op == "r" else place
        times = (row["started_at"], row["completed_at"])
        started, finished = (datetime.fromisoformat(time) if time else None for time in times)
        self.runs[key] = Run(case, row["lifecycle"], started, finished, op == "d", start, succeeded)

"""Reads the history of log groups into the topic: each line once, wherever it was stopped before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Event

import msgspec

from connectors.cloudwatch import pages
from connectors.cloudwatch.client import CloudWatchFailure
from connectors.cloudwatch.deliver import Outbox
from connectors.cloudwatch.history import History
from connectors.cloudwatch.jobs import Job, encode_job
from connectors.cloudwatch.pages import LogsApi
from connectors.cloudwatch.slices import is_lasting, read_slices, unread_groups
from connectors.cloudwatch.window import Window
from connectors.cloudwatch.writer import GroupWriter


@dataclass(frozen=True)
class Past:
    """One log group's part of the job."""

    name: str
    identifier: str
    api: LogsApi
    writer: GroupWriter
    history: History


@dataclass(frozen=True)
class Step:
    """After a slice."""

    name: str
    share_done: float
    read: int
    delivered: int


class Backfill:
    """`jobs_topic` is where its state goes after each slice. Nothing else may write lines of that time."""

    def __init__(
        self,
        job: Job,
        pasts: list[Past],
        outbox: Outbox,
        *,
        jobs_topic: str,
        page_limit: int,
        stopping: Event,
    ) -> None:
        self.job = job
        self._pasts = pasts
        self._outbox = outbox
        self._topic = jobs_topic
        self._page_limit = page_limit
        self._stopping = stopping

    def run(self, told: Callable[[Step], None]) -> Job:
        """Read group after group until the end or until asked to stop; the job's last state.

        Raises Unavailable where CloudWatch or Kafka stay away; CloudWatchFailure, after all others, for groups that may
        not be read.
        """
        unread: list[tuple[str, CloudWatchFailure]] = []
        for past in self._pasts:
            try:
                for read, delivered in read_slices(past.history, partial(self._slice, past), self._stopping):
                    step = Step(past.name, past.history.share_done, read, delivered)
                    self._keep(past, step)
                    told(step)
            except CloudWatchFailure as error:
                if not is_lasting(error):
                    raise
                unread.append((past.name, error))
        if unread:
            raise unread_groups(unread)
        if all(past.history.next() is None for past in self._pasts):
            self._note(msgspec.structs.replace(self.job, finished=True))
        return self.job

    def _slice(self, past: Past, window: Window) -> tuple[int, tuple[int, int]]:
        read = delivered = 0
        try:
            for page in pages.read(past.api, past.identifier, window, self._page_limit):
                read += len(page)
                delivered += len(past.writer.write(page, teach=True))
        finally:
            past.writer.settle()
        return read, (read, delivered)

    def _keep(self, past: Past, step: Step) -> None:
        positions = {**self.job.positions, past.name: past.history.position}
        delivered = self.job.delivered + step.delivered
        self._note(msgspec.structs.replace(self.job, positions=positions, delivered=delivered))

    def _note(self, job: Job) -> None:
        self.job = job
        self._outbox.send(self._topic, job.job.encode(), encode_job(job), None, None)
        self._outbox.settle()

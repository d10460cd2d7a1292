"""What was pushed and waits for the loop that delivers it. Safe for several threads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from queue import Empty, Full, Queue

from clearsight.errors import NotFound, Unavailable
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pages import Event

CAPACITY = 100
"""Batches; one that pushes more is told to come again."""


class Refused(Unavailable):
    """The lines were not delivered; whoever pushed them has to do so again."""


class UnknownGroup(NotFound):
    """Lines of a log group that is not read: sending them again would not help."""


class PushBatch:
    """Lines of one log group. Whoever pushed them waits for `done`, or cancels it. CloudWatch does not tell the region:
    `region` is where they came through."""

    def __init__(self, account: str, group: str, events: Sequence[Event], region: str | None = None) -> None:
        self.account = account
        self.group = group
        self.region = region
        self.events = events
        self.done: Future[None] = Future()

    def begin(self) -> bool:
        """False where nobody waits any more."""
        return self.done.set_running_or_notify_cancel()

    def delivered(self) -> None:
        self.done.set_result(None)

    def refused(self, why: str) -> None:
        self.done.set_exception(Refused(why, "send it again"))


class Inbox:
    def __init__(self) -> None:
        self._queue: Queue[PushBatch] = Queue(CAPACITY)
        self._next: PushBatch | None = None

    def put(self, batch: PushBatch) -> None:
        """Raises Refused where too many wait already."""
        try:
            self._queue.put_nowait(batch)
        except Full:
            raise Refused("too many pushed batches wait", "send it again later") from None

    def take(self) -> PushBatch | None:
        """What came first and is still waited for; None where there is none."""
        while True:
            batch, self._next = self._next, None
            try:
                batch = batch or self._queue.get_nowait()
            except Empty:
                return None
            if batch.begin():
                return batch

    def wait(self, limit_s: float) -> None:
        """Until something is there, at most so long. Only the loop that takes may wait."""
        if self._next is not None or limit_s <= 0:
            return
        try:
            self._next = self._queue.get(timeout=limit_s)
        except Empty:
            return


class Routes:
    """Which loop delivers the lines of a log group; known once all `loops` have taken up their groups. `spread` are the
    accounts that are read in several regions: a group of one name can be several there."""

    def __init__(self, loops: int, spread: Collection[str] = ()) -> None:
        self._left = loops
        self._spread = spread
        self._inboxes: defaultdict[tuple[str, str], dict[str, Inbox]] = defaultdict(dict)

    def add(self, origin: Origin, inbox: Inbox) -> None:
        self._inboxes[origin.account, origin.group][origin.region] = inbox

    def remove(self, origin: Origin) -> None:
        self._inboxes[origin.account, origin.group].pop(origin.region, None)

    def complete(self) -> None:
        """Another loop has taken up its groups, or may not look for more of them."""
        self._left -= 1

    def put(self, batch: PushBatch) -> None:
        """Raises Refused and UnknownGroup."""
        found = self._inboxes.get((batch.account, batch.group), {})
        if self._left > 0 and (not found or batch.account in self._spread):
            raise Refused("the forwarder starts, or stands by for another one", "send it again later")
        if len(found) == 1 or batch.region in found:
            (found.get(batch.region or "") or next(iter(found.values()))).put(batch)
        elif found:
            raise UnknownGroup(
                f"{batch.group} of account {batch.account} is read in several regions, and none of them pushed this",
                "push from the region of the log group; the cold tier finds these lines",
            )
        elif batch.account not in {account for (account, _), read in list(self._inboxes.items()) if read}:
            raise UnknownGroup(
                f"no log group of account {batch.account} is read: CLEARSIGHT_CLOUDWATCH__ACCOUNT_ID, or the id of one of "
                f"CLEARSIGHT_CLOUDWATCH__ACCOUNTS, has to be {batch.account} for {batch.group}",
                "set it, or remove the subscription filter",
            )
        else:
            raise UnknownGroup(
                f"{batch.group} of account {batch.account} is none of the log groups that are read",
                "name it in CLEARSIGHT_CLOUDWATCH__GROUPS, or remove the subscription filter",
            )

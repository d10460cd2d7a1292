"""What `forward backfill` and `forward verify` have in common: which time, which groups, and how far they are."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from clearsight.cli.ask_options import instant

if TYPE_CHECKING:
    from connectors.cloudwatch.past import PastWork

DAY_MS = 86_400_000
LONGEST_DAYS = 3653
"""CloudWatch's longest retention."""
EARLIEST_MS = 1_388_534_400_000
"""The beginning of 2014: there was no CloudWatch Logs before."""

Since = Annotated[
    datetime | None, typer.Option("--from", parser=instant, metavar="TIME", help="From this event time on, RFC 3339.")
]
Until = Annotated[
    datetime | None,
    typer.Option("--to", parser=instant, metavar="TIME", help="Before this event time; now if not given."),
]
Days = Annotated[
    int | None,
    typer.Option("--cloudwatch-days", min=1, max=LONGEST_DAYS, help="Instead of --from: so many days back."),
]
Groups = Annotated[list[str] | None, typer.Option("--group", help="This log group; may be given several times.")]
Share = Annotated[float, typer.Option(min=0.01, max=1.0, help="Of the quota of calls; the forwarder has its own.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def span(since: datetime | None, until: datetime | None, days: int | None, now_ms: int) -> tuple[int, int, str]:
    """Epoch milliseconds, and what makes this the same question when it is asked again."""
    if (since is None) == (days is None):
        raise typer.BadParameter("give either --from or --cloudwatch-days")
    if until is not None and days is not None:
        raise typer.BadParameter("--to goes with --from")
    end_ms = now_ms if until is None else _ms(until)
    start_ms = end_ms - (days or 0) * DAY_MS if since is None else _ms(since)
    if start_ms >= end_ms:
        raise typer.BadParameter("--from must be before --to")
    if end_ms <= EARLIEST_MS:
        raise typer.BadParameter("--to must be later than 2014: there was no CloudWatch Logs before")
    return max(start_ms, EARLIEST_MS), end_ms, f"days {days}" if days else f"from {start_ms} to {until and end_ms}"


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


@contextmanager
def past_work(
    since: datetime | None, until: datetime | None, days: int | None
) -> Iterator[tuple[PastWork, tuple[int, int, str]]]:
    """Work on the past with this process's settings, alone, and the span that is asked for; Ctrl-C and SIGTERM end it
    after the slice under way."""
    import logging

    from stamina.instrumentation import LoggingOnRetryHook, set_on_retry_hooks

    from clearsight.settings import load_settings
    from connectors.cloudwatch.past import PastWork

    for noisy in ("botocore", "boto3", "urllib3", "stamina", "connectors.cloudwatch.start"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    set_on_retry_hooks([LoggingOnRetryHook])
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    work = PastWork(load_settings(), stopping)
    asked = span(since, until, days, work.now())
    with work.alone():
        yield work, asked


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """A bar for each log group, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(group: str, share: float) -> None:
            if group not in tasks:
                tasks[group] = bars.add_task(group, total=1.0)
            bars.update(tasks[group], completed=share)

        yield tell

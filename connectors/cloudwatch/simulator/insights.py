"""Logs Insights: StartQuery, GetQueryResults, StopQuery, DescribeQueries.

A query is answered by what was visible when it started; that it is Scheduled, then Running, then Complete follows from the
clock alone.
"""

from __future__ import annotations

import uuid
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.cloudwatch import event_ids
from connectors.cloudwatch.simulator import tokens
from connectors.cloudwatch.simulator.constraints import Params
from connectors.cloudwatch.simulator.faults import ServiceFault, invalid
from connectors.cloudwatch.simulator.query_language import FIELDS, Bins, Query, parse_query
from connectors.cloudwatch.simulator.store import Account, Event, Group

SCHEDULED_MS = 100
RUNNING_MS = 300
"""After so long since the start it is Complete."""
MAX_CONCURRENT = 100
MAX_GROUPS = 50
DEFAULT_ROWS = 10_000
PAGE_ROWS = 10_000
KEPT_QUERIES = 1000

Row = dict[str, str]


@dataclass(slots=True)
class _Job:
    id: str
    text: str
    groups: tuple[str, ...]
    started: int
    rows: list[Row]
    scanned: int
    scanned_bytes: int
    matched: int
    stopped: bool = False

    def status(self, now: int) -> str:
        if self.stopped:
            return "Cancelled"
        since = now - self.started
        return "Scheduled" if since < SCHEDULED_MS else "Running" if since < RUNNING_MS else "Complete"

    def is_open(self, now: int) -> bool:
        return self.status(now) in ("Scheduled", "Running")


class Insights:
    def __init__(self, account: Account, denied: Collection[str] = ()) -> None:
        self._account = account
        self._denied = frozenset(denied)
        self._jobs: OrderedDict[str, _Job] = OrderedDict()

    def start_query(self, params: Params, now: int) -> Params:
        """Raises ServiceFault."""
        if params.get("queryLanguage", "CWLI") != "CWLI":
            raise invalid("The simulator knows the query language CWLI only.")
        groups = self._groups(params)
        if params["endTime"] < params["startTime"]:
            raise invalid("End time should not be before start time.")
        query = parse_query(params["queryString"])
        if sum(job.is_open(now) for job in self._jobs.values()) >= MAX_CONCURRENT:
            raise ServiceFault("LimitExceededException", "Account maximum query concurrency limit reached.")
        job = self._run(query, groups, params, now)
        self._jobs[job.id] = job
        while len(self._jobs) > KEPT_QUERIES:
            self._jobs.popitem(last=False)
        return {"queryId": job.id}

    def get_query_results(self, params: Params, now: int) -> Params:
        """Rows come with Complete; before, there are none yet."""
        job = self._job(params["queryId"])
        status = job.status(now)
        rows = job.rows if status == "Complete" else []
        question = hash(job.id)
        first = int(tokens.read(params["nextToken"], question, now).position) if "nextToken" in params else 0
        end = first + (params.get("maxItems") or PAGE_ROWS)
        more = {"nextToken": tokens.write(tokens.Token(str(end), question, now))} if end < len(rows) else {}
        return {
            "queryLanguage": "CWLI",
            "status": status,
            "results": [[{"field": name, "value": value} for name, value in row.items()] for row in rows[first:end]],
            "statistics": {
                "recordsMatched": float(job.matched),
                "recordsScanned": float(job.scanned),
                "bytesScanned": float(job.scanned_bytes),
                "logGroupsScanned": float(len(job.groups)),
            },
            **more,
        }

    def stop_query(self, params: Params, now: int) -> Params:
        job = self._job(params["queryId"])
        if not job.is_open(now):
            raise invalid(f"Query with id {job.id} is not running; its status is {job.status(now)}.")
        job.stopped = True
        return {"success": True}

    def describe_queries(self, params: Params, now: int) -> Params:
        group, status, language = params.get("logGroupName"), params.get("status"), params.get("queryLanguage", "CWLI")
        known = [
            job
            for job in reversed(self._jobs.values())
            if (group is None or group in job.groups)
            and (status is None or job.status(now) == status)
            and language == "CWLI"
        ]
        question = hash((group, status))
        first = int(tokens.read(params["nextToken"], question, now).position) if "nextToken" in params else 0
        end = first + params.get("maxResults", KEPT_QUERIES)
        more = {"nextToken": tokens.write(tokens.Token(str(end), question, now))} if end < len(known) else {}
        return {"queries": [_described(job, now) for job in known[first:end]], **more}

    def _groups(self, params: Params) -> list[Group]:
        given = [name for name in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if name in params]
        if len(given) != 1:
            raise invalid("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified.")
        named = params[given[0]]
        names = [named] if isinstance(named, str) else named
        if not 0 < len(names) <= MAX_GROUPS:
            raise invalid(f"Between 1 and {MAX_GROUPS} log groups can be queried.")
        groups = [self._account.group(None, str(name)) for name in dict.fromkeys(names)]
        if any(group.name in self._denied for group in groups):
            raise ServiceFault("AccessDeniedException", "User is not authorized to perform: logs:StartQuery")
        return groups

    def _run(self, query: Query, groups: list[Group], params: Params, now: int) -> _Job:
        found: list[_Seen] = []
        scanned, scanned_bytes = 0, 0
        for group in groups:
            for event in _visible(group, params["startTime"] * 1000, params["endTime"] * 1000, now):
                scanned += 1
                scanned_bytes += event.size
                seen = _Seen(event, f"{self._account.id}:{group.name}")
                if query.matches(seen):
                    found.append(seen)
        limit = min(query.limit or DEFAULT_ROWS, params.get("limit", DEFAULT_ROWS))
        rows = _binned(query, query.bins, found) if query.bins else _listed(query, found)
        names = tuple(group.name for group in groups)
        text = params["queryString"]
        return _Job(str(uuid.uuid4()), text, names, now, rows[:limit], scanned, scanned_bytes, len(found))

    def _job(self, query_id: str) -> _Job:
        try:
            return self._jobs[query_id]
        except KeyError:
            raise ServiceFault("ResourceNotFoundException", f"Query {query_id} does not exist.") from None


class _Seen(Mapping[str, str]):
    """The fields of an event, made when they are asked for."""

    def __init__(self, event: Event, log: str) -> None:
        self.event = event
        self._log = log

    def __getitem__(self, name: str) -> str:
        event = self.event
        if name == "@message":
            return event.message
        if name in ("@timestamp", "@ingestionTime"):
            return _instant(event.timestamp if name == "@timestamp" else event.ingestion)
        return {"@logStream": event.stream, "@log": self._log, "@ptr": f"ptr-{event_ids.text(event.id)}"}[name]

    def __iter__(self) -> Iterator[str]:
        return iter(FIELDS)

    def __len__(self) -> int:
        return len(FIELDS)


def _visible(group: Group, start: int, end: int, now: int) -> Iterator[Event]:
    """Both inclusive, in epoch milliseconds."""
    kept = max(start, group.kept_since(now))
    first, last = group.place_of(event_ids.first_at(kept)), group.place_of(event_ids.first_at(end + 1))
    return (event for event in group.events(first, max(first, last)) if event.visible_at <= now)


def _listed(query: Query, found: list[_Seen]) -> list[Row]:
    place = query.sort_field or "@timestamp"
    ordered = sorted(found, key=lambda seen: (seen[place], seen.event.id), reverse=query.descending)
    return [{name: seen[name] for name in dict.fromkeys((*query.fields, "@ptr"))} for seen in ordered]


def _binned(query: Query, bins: Bins, found: list[_Seen]) -> list[Row]:
    counts = Counter(seen.event.timestamp // bins.width_ms * bins.width_ms for seen in found)
    in_order = query.sort_field in (None, bins.label)
    ordered = sorted(counts.items(), key=lambda each: each if in_order else each[::-1], reverse=query.descending)
    return [{bins.label: _instant(begin), bins.name: str(count)} for begin, count in ordered]


def _instant(epoch_ms: int) -> str:
    seconds, ms = divmod(epoch_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{ms:03d}"


def _described(job: _Job, now: int) -> dict[str, Any]:
    return {
        "queryLanguage": "CWLI",
        "queryId": job.id,
        "queryString": job.text,
        "status": job.status(now),
        "createTime": job.started,
        "logGroupName": job.groups[0],
    }

"""One query of Logs Insights: started, waited for, read page by page; stopped when it takes too long."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from clearsight.errors import ConfigurationError, Unavailable
from connectors.cloudwatch.pages import Event

MAX_GROUPS = 50
_POLL_S = 0.2
_LONGEST_POLL_S = 2.0
_MARGIN_S = 1
"""The range of a query is inclusive, in whole seconds."""


class Found(NamedTuple):
    """An event and the group that it is of."""

    log: str
    """account:group, as CloudWatch tells it."""
    event: Event


@dataclass(slots=True)
class Asked:
    """What queries found so far; by their pointer, each line once."""

    lines: dict[str, Found]
    scanned_bytes: int = 0
    full: bool = False
    """A query found as much as one can: there may be more."""


class Insights:
    """`client` is boto3's, of one account and region; `wait` sleeps so many seconds."""

    def __init__(
        self, client: Any, groups: Sequence[str], timeout_s: float, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._groups = groups
        self._timeout_s = timeout_s
        self._wait = wait

    def ask(self, text: str, since: datetime, until: datetime, limit: int, into: Asked) -> None:
        """Raises Unavailable, and ConfigurationError where CloudWatch refuses the question."""
        for begin in range(0, len(self._groups), MAX_GROUPS):
            try:
                self._ask(self._groups[begin : begin + MAX_GROUPS], text, since, until, limit, into)
            except ClientError as error:
                raise _refused(error) from error
            except (NoCredentialsError, PartialCredentialsError) as error:
                raise Unavailable("no AWS credentials were found", _MEND_CREDENTIALS) from error
            except BotoCoreError as error:
                raise Unavailable(f"CloudWatch does not answer ({type(error).__name__})", _MEND_AWAY) from error

    def _ask(self, groups: Sequence[str], text: str, since: datetime, until: datetime, limit: int, into: Asked) -> None:
        query_id = self._client.start_query(
            logGroupIdentifiers=list(groups),
            startTime=max(0, int(since.timestamp())),
            endTime=max(0, int(until.timestamp()) + _MARGIN_S),
            queryString=text,
            limit=limit,
        )["queryId"]
        answer = self._completed(query_id)
        into.scanned_bytes += int(answer.get("statistics", {}).get("bytesScanned", 0))
        rows = list(answer["results"])
        while token := answer.get("nextToken"):
            answer = self._client.get_query_results(queryId=query_id, nextToken=token)
            rows.extend(answer["results"])
        into.full |= len(rows) >= limit
        for row in rows:
            found = _found({each["field"]: each.get("value", "") for each in row})
            into.lines[found.event.id] = found

    def _completed(self, query_id: str) -> dict[str, Any]:
        give_up, poll_s = time.monotonic() + self._timeout_s, _POLL_S
        while True:
            answer: dict[str, Any] = self._client.get_query_results(queryId=query_id)
            status = answer["status"]
            if status == "Complete":
                return answer
            if status not in ("Scheduled", "Running", "Unknown"):
                raise Unavailable(
                    f"CloudWatch ended the query: {status}", "ask for a shorter time with --from and --to"
                )
            if time.monotonic() > give_up:
                self._client.stop_query(queryId=query_id)
                message = f"CloudWatch did not answer within {self._timeout_s:g} s"
                raise Unavailable(message, "ask for a shorter time with --from and --to")
            self._wait(poll_s)
            poll_s = min(_LONGEST_POLL_S, poll_s * 1.5)


_MEND_CREDENTIALS = "give this process credentials, as the AWS command line takes them"
_MEND_AWAY = "check the network and CLEARSIGHT_CLOUDWATCH__ENDPOINT_URL"
_REFUSALS = {
    "ResourceNotFoundException": "correct CLEARSIGHT_CLOUDWATCH__GROUPS",
    "MalformedQueryException": "report this query with the version of ClearSight",
    "InvalidParameterException": "correct --from and --to",
}


def _refused(error: ClientError) -> ConfigurationError | Unavailable:
    code = error.response.get("Error", {}).get("Code", "")
    if code in _REFUSALS:
        return ConfigurationError(f"CloudWatch refuses the query ({code})", _REFUSALS[code])
    if code == "LimitExceededException":
        return Unavailable("too many queries run in this account", "ask again in a minute")
    return Unavailable(f"CloudWatch answered {code}", "allow logs:StartQuery and logs:GetQueryResults on the groups")


def _found(row: dict[str, str]) -> Found:
    ingestion = row.get("@ingestionTime")
    event = Event(
        row.get("@ptr", ""),
        _epoch_ms(row["@timestamp"]),
        _epoch_ms(ingestion) if ingestion else None,
        row.get("@logStream", ""),
        row.get("@message", ""),
    )
    return Found(row.get("@log", ""), event)


def _epoch_ms(instant: str) -> int:
    return round(datetime.fromisoformat(instant).replace(tzinfo=UTC).timestamp() * 1000)

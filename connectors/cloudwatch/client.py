"""CloudWatch Logs through boto3: the client, its errors as ours, and the service's clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from clearsight.errors import Unavailable
from clearsight.settings import CloudWatchSettings

log = logging.getLogger(__name__)

Kind = Literal["away", "throttled", "missing", "denied"]

SKEW_MS = 2000
"""A Date header has whole seconds; smaller differences are not told from none."""

_THROTTLED = frozenset({"ThrottlingException", "Throttling", "LimitExceededException", "TooManyRequestsException"})
_DENIED = frozenset(
    {"AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException"}
)
_MENDS: dict[Kind, str] = {
    "away": "nothing is lost: reading goes on where it stopped",
    "throttled": "nothing is lost: reading goes on where it stopped; ask AWS for a higher quota if it lasts",
    "missing": "create the log group, or correct CLEARSIGHT_CLOUDWATCH__GROUPS",
    "denied": "allow logs:FilterLogEvents on the group to the credentials in use",
}


class CloudWatchFailure(Unavailable):
    """A call that failed after boto3's own retries."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message, _MENDS[kind])
        self.kind = kind


class ServerClock:
    """Epoch milliseconds as CloudWatch sees them: ours, moved by what the answers' Date headers show."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._offset_ms = 0

    def __call__(self) -> int:
        return self._clock() + self._offset_ms

    def observe(self, date: str) -> None:
        """Take a Date header into account."""
        try:
            told = int(parsedate_to_datetime(date).timestamp() * 1000)
        except ValueError:
            return
        difference = told + 500 - self._clock()
        offset = difference if abs(difference) > SKEW_MS else 0
        if abs(offset - self._offset_ms) > SKEW_MS:
            log.warning("this machine's clock differs from CloudWatch's by %d ms; CloudWatch's is used", -offset)
            self._offset_ms = offset
        elif offset == 0:
            self._offset_ms = 0


class CloudWatch:
    """The LogsApi over boto3. Standard retries; what is left is a CloudWatchFailure."""

    def __init__(self, settings: CloudWatchSettings) -> None:
        self.clock = ServerClock(_now_ms)
        simulated = "simulator" if settings.endpoint_url else None
        self._client: Any = boto3.client(
            "logs",
            region_name=settings.region,
            endpoint_url=settings.endpoint_url,
            aws_access_key_id=simulated,
            aws_secret_access_key=simulated,
            config=Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=3, read_timeout=20),
        )
        self._client.meta.events.register("after-call.cloudwatch-logs", self._observe)

    def filter_log_events(self, **parameters: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._client.filter_log_events(**parameters)
        except (ClientError, BotoCoreError) as error:
            raise _failure(error) from error
        return answer

    def close(self) -> None:
        self._client.close()

    def _observe(self, http_response: Any, **_: Any) -> None:
        date = http_response.headers.get("Date")
        if date:
            self.clock.observe(date)


def _failure(error: ClientError | BotoCoreError) -> CloudWatchFailure:
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return CloudWatchFailure("denied", "no AWS credentials were found")
    if not isinstance(error, ClientError):
        return CloudWatchFailure("away", f"CloudWatch does not answer ({type(error).__name__})")
    code = error.response.get("Error", {}).get("Code", "")
    kind: Kind = "away"
    if code in _THROTTLED:
        kind = "throttled"
    elif code == "ResourceNotFoundException":
        kind = "missing"
    elif code in _DENIED:
        kind = "denied"
    return CloudWatchFailure(kind, f"CloudWatch answered {code}")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

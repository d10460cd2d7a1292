"""CloudWatch Logs of one account and region through boto3: its errors as ours, its quota kept, its clock read."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from threading import Event
from typing import Any, Literal, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
from botocore.parsers import ResponseParserError

from clearsight.errors import Unavailable
from connectors.cloudwatch.clock import ScaledClock, ServerClock
from connectors.cloudwatch.metrics import Meter
from connectors.cloudwatch.pages import PAGE, page_of
from connectors.cloudwatch.quota import Quota

Kind = Literal["away", "throttled", "missing", "denied", "expired"]
Answer = TypeVar("Answer")

_THROTTLED = frozenset({"ThrottlingException", "Throttling", "LimitExceededException", "TooManyRequestsException"})
_EXPIRED = frozenset({"ExpiredTokenException", "ExpiredToken", "RequestExpired"})
_DENIED = frozenset(
    {
        "AccessDeniedException",
        "AccessDenied",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "InvalidClientTokenId",
        "OptInRequired",
    }
)
_UNPARSED = (ResponseParserError, AttributeError, KeyError, TypeError, ValueError)
"""What is raised for a body of another shape, such as a proxy's page, be it a good answer's or an error's."""

_MENDS: dict[Kind, str] = {
    "away": "nothing is lost: reading goes on where it stopped",
    "throttled": "nothing is lost: reading goes on where it stopped; ask AWS for a higher quota if it lasts",
    "missing": "create the log group, or correct CLEARSIGHT_CLOUDWATCH__GROUPS",
    "denied": "allow logs:FilterLogEvents on the group to the credentials in use",
    "expired": "renew the credentials of this process",
}
RESULTS: dict[Kind, str] = {"expired": "denied"}
"""What the metric calls it where it is not its own name."""


class CloudWatchFailure(Unavailable):
    """A call that failed after boto3's own retries."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message, _MENDS[kind])
        self.kind = kind


class CloudWatch:
    """The LogsApi over boto3. What boto3's retries leave is a CloudWatchFailure. `connect` makes a client with fresh
    credentials: it is called with the first call, and again where they have expired, so that an account whose role may not
    be assumed stops no other."""

    def __init__(
        self,
        connect: Callable[[], Any],
        quota: Quota,
        clock: ScaledClock,
        meter: Meter,
        stopping: Event,
    ) -> None:
        self._connect = connect
        self._quota = quota
        self._scaled = clock
        self._meter = meter
        self._stopping = stopping
        self.clock = ServerClock(clock, skew_ms=int(2000 * max(1.0, clock.speed)))
        self._client: Any = None

    def open(self) -> None:
        """Have credentials and a client. Raises CloudWatchFailure."""
        if self._client is None:
            self._client = self._made()

    def filter_log_events(self, **parameters: Any) -> dict[str, Any]:
        return self._asked("filter_log_events", parameters)

    def describe_log_groups(self, **parameters: Any) -> dict[str, Any]:
        return self._asked("describe_log_groups", parameters)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _asked(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._once(operation, parameters)
        except CloudWatchFailure as failure:
            if failure.kind != "expired":
                raise
        self.close()
        return self._once(operation, parameters)

    def _once(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.open()
        self._await_turn()
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**parameters)
        except (ClientError, BotoCoreError, *_UNPARSED) as error:
            failure = _failure(error)
            self._meter.call(operation, RESULTS.get(failure.kind, failure.kind))
            raise failure from error
        self._quota.answered()
        self._meter.call(operation, "ok")
        return answer

    def _await_turn(self) -> None:
        while wait_s := self._quota.take(self._scaled() / 1000):
            if self._stopping.wait(min(1.0, self._scaled.real_wait_s(wait_s * 1000))):
                raise CloudWatchFailure("away", "stopped before the call")

    def _made(self) -> Any:
        try:
            client = self._connect()
        except (ClientError, BotoCoreError, *_UNPARSED) as error:
            raise _failure(error) from error
        client.meta.events.register("after-call.cloudwatch-logs", self._observe)
        client.meta.events.register("needs-retry.cloudwatch-logs", self._heed_throttle)
        client.meta.events.register("before-parse.cloudwatch-logs.FilterLogEvents", _decode)
        return client

    def _observe(self, http_response: Any, **_: Any) -> None:
        date = http_response.headers.get("Date")
        if date:
            self.clock.observe(date)

    def _heed_throttle(self, response: Any, **_: Any) -> None:
        """boto3 retries a throttled call by itself, at its own pace; the others have to slow down as well."""
        if response is not None and response[1].get("Error", {}).get("Code") in _THROTTLED:
            self._quota.throttled()
            self._meter.call("retry", "throttled")


def _decode(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Decode a page ourselves and leave nothing of it to boto3, which takes what is no JSON for an empty answer, and
    whatever is below 301 for a good one."""
    if response_dict["status_code"] < HTTPStatus.MOVED_PERMANENTLY:
        customized_response_dict[PAGE] = page_of(response_dict["body"])
        response_dict["body"] = b"{}"


def _failure(error: Exception) -> CloudWatchFailure:
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return CloudWatchFailure("denied", "no AWS credentials were found")
    if isinstance(error, _UNPARSED):
        return CloudWatchFailure("away", f"what answered is not CloudWatch ({type(error).__name__})")
    if not isinstance(error, ClientError):
        return CloudWatchFailure("away", f"CloudWatch does not answer ({type(error).__name__})")
    code = error.response.get("Error", {}).get("Code", "")
    return CloudWatchFailure(kind_of(code), f"CloudWatch answered {code}")


def kind_of(code: str) -> Kind:
    """What an error code of AWS says of a call."""
    if code in _THROTTLED:
        return "throttled"
    if code == "ResourceNotFoundException":
        return "missing"
    if code in _EXPIRED:
        return "expired"
    return "denied" if code in _DENIED else "away"

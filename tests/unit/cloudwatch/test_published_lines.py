"""Every file of the Lambda log collection: what each of its lines becomes."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connectors.cloudwatch.parse.recognise import parse

pytestmark = pytest.mark.unit

FOLDER = Path(os.environ.get("CLEARSIGHT_LAMBDA_LOGS", Path(__file__).parents[4] / "shared/data/aws-lambda-logs"))
ABSENT = f"the log collection is not at {FOLDER}; set CLEARSIGHT_LAMBDA_LOGS"

EXPECTED: dict[str, dict[str, int]] = {
    "datadog/cloudwatch_log.json": {"lambda-text ERROR": 2},
    "datadog/cloudwatch_log_cloudtrail.json": {"json INFO": 3},
    "datadog/cloudwatch_log_coldstart.json": {"lambda-report INFO": 3},
    "datadog/cloudwatch_log_custom_tags.json": {"json INFO": 1},
    "datadog/cloudwatch_log_lambda_invocation.json": {
        "json INFO": 3,
        "lambda-report INFO": 2,
        "lambda-text DEBUG": 10,
        "lambda-text INFO": 4,
    },
    "datadog/cloudwatch_log_timeout.json": {"lambda-report ERROR": 1, "lambda-report INFO": 3},
    "datadog/cloudwatch_logs.json": {
        "json INFO": 3,
        "lambda-report INFO": 2,
        "lambda-text DEBUG": 10,
        "lambda-text INFO": 4,
    },
    "datadog/cloudwatch_logs_2.json": {"json INFO": 1},
    "datadog/cloudwatch_logs_ddtags.json": {"json DEBUG": 1},
    "datadog/step_functions_log.json": {"text INFO": 1},
    "powertools/append_and_remove_keys_output.json": {"powertools INFO": 2},
    "powertools/append_keys_extra_output.json": {"powertools INFO": 1},
    "powertools/append_keys_kwargs_output.json": {"powertools INFO": 1},
    "powertools/append_keys_output.json": {"powertools INFO": 1},
    "powertools/append_keys_vs_extra_output.json": {"powertools INFO": 2},
    "powertools/bring_your_own_formatter_from_scratch_output.json": {"powertools INFO": 1},
    "powertools/bring_your_own_formatter_output.json": {"powertools INFO": 1},
    "powertools/cloudWatchLogEvent.json": {"lambda-text ERROR": 2},
    "powertools/cloudWatchLogEventWithPolicyLevel.json": {"lambda-text ERROR": 2},
    "powertools/date_formatting_output.json": {"powertools INFO": 2},
    "powertools/inject_lambda_context_output.json": {"powertools INFO": 2},
    "powertools/kinesisStreamCloudWatchLogsEvent.json": {"lambda-report INFO": 6},
    "powertools/logger_reuse_output.json": {"powertools INFO": 1},
    "powertools/logging_exceptions_output.json": {"powertools ERROR RuntimeError": 1},
    "powertools/logging_stacktrace_output.json": {"powertools ERROR HTTPError": 1},
    "powertools/logging_uncaught_exceptions_output.json": {"powertools ERROR HTTPError": 1},
    "powertools/overriding_log_records_output.json": {"powertools INFO": 2},
    "powertools/remove_keys_output.json": {"powertools INFO": 2},
    "powertools/reordering_log_keys_output.json": {"powertools INFO": 2},
    "powertools/sampling_debug_logs_output.json": {"powertools DEBUG": 1, "powertools INFO": 1},
    "powertools/set_correlation_id_jmespath_output.json": {"powertools INFO field correlation_id_value": 1},
    "powertools/set_correlation_id_method_output.json": {"powertools INFO field correlation_id_value": 1},
    "powertools/set_correlation_id_output.json": {"powertools INFO field correlation_id_value": 1},
    "powertools/setting_utc_timestamp_output.json": {"powertools INFO": 2},
    "powertools/thread_safe_append_keys_output.json": {"powertools INFO": 2},
    "powertools/thread_safe_clear_keys_output.json": {"powertools INFO": 4},
    "powertools/thread_safe_remove_keys_output.json": {"powertools INFO": 4},
    "powertools/unserializable_values_output.json": {"powertools INFO": 1},
}


def messages(path: Path) -> list[str]:
    content = json.loads(path.read_text())
    if isinstance(content, list):
        return [json.dumps(line) for line in content]
    if "awslogs" in content:
        return _messages_of(_unpacked(content["awslogs"]["data"]))
    if "Records" in content:
        return [m for record in content["Records"] for m in _messages_of(_unpacked(record["kinesis"]["data"]))]
    return _messages_of(content) if "logEvents" in content else [json.dumps(content)]


def _unpacked(data: str) -> dict[str, Any]:
    """Gzip or zlib: both occur."""
    content: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(data), wbits=47))
    return content


def _messages_of(payload: dict[str, Any]) -> list[str]:
    return [event["message"] for event in payload["logEvents"]]


def described(message: str) -> str:
    parsed = parse(message)
    words = [parsed.format, parsed.level or "-"]
    if parsed.correlation_id:
        words += [parsed.correlation_source, parsed.correlation_id]
    if parsed.error and parsed.error.stack:
        words.append(parsed.error.type or "-")
    return " ".join(words)


@pytest.mark.parametrize("name", EXPECTED)
def test_what_each_line_becomes(name: str) -> None:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"not shown: what each line of {name} becomes; {ABSENT}")
    assert Counter(map(described, messages(path))) == EXPECTED[name]


def test_no_file_is_left_out() -> None:
    if not FOLDER.exists():
        pytest.skip(f"not shown: that every file of the log collection has its expectation; {ABSENT}")
    assert {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.json")} == EXPECTED.keys()

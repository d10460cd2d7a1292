"""What the loggers themselves write today, read by the forwarder: no format is known from documents alone."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import structlog
from aws_lambda_powertools import Logger
from pythonjsonlogger.json import JsonFormatter

from connectors.cloudwatch.parse.recognise import parse
from connectors.cloudwatch.parse.record import Parsed

pytestmark = pytest.mark.unit

REQUEST = "52fdfc07-2182-154f-163f-5f0f9a621d72"


class NodeFailed(Exception):
    pass


def fail() -> None:
    password = "hunter2"
    try:
        {}["demand"]
    except KeyError as error:
        raise NodeFailed(f"demand could not be solved after {len(password)} tries") from error


def caught(write: Callable[[], None]) -> None:
    try:
        fail()
    except NodeFailed:
        write()


def assert_is_the_failure(parsed: Parsed) -> None:
    assert parsed.level == "ERROR"
    assert parsed.error is not None
    assert (parsed.error.type, parsed.error.message) == ("NodeFailed", "demand could not be solved after 7 tries")
    assert parsed.error.stack is not None
    assert "in fail" in parsed.error.stack
    assert parsed.error.fingerprint
    assert parsed.attributes["causes"] == [{"type": "KeyError", "message": "'demand'"}]
    assert "hunter2" not in parsed.error.stack


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    yield io.StringIO()
    logging.getLogger("plain").handlers.clear()


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def handler_for(stream: io.StringIO, formatter: logging.Formatter) -> logging.Logger:
    logger, handler = logging.getLogger("plain"), logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.DEBUG)
    return logger


def test_powertools(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=557abcec3ee5a047;Sampled=1")
    logger = Logger(service="engine", stream=stream, name=__name__ + ".powertools")
    context = SimpleNamespace(
        function_name="f",
        memory_limit_in_mb=128,
        invoked_function_arn="arn:aws:lambda:eu-west-1:0:function:f",
        aws_request_id=REQUEST,
    )

    @logger.inject_lambda_context(correlation_id_path="id")
    def handle(event: dict[str, str], context: object) -> None:
        logger.append_keys(scenario_id="s-1", run_id="r-1", node="demand")
        logger.info({"said": "as an object"})
        caught(lambda: logger.exception("failed"))

    handle({"id": "corr-1"}, context)
    info, failure = map(parse, lines(stream))
    assert (info.format, info.level, info.message) == ("powertools", "INFO", '{"said":"as an object"}')
    assert (info.correlation_id, info.correlation_source, info.request_id) == ("corr-1", "field", REQUEST)
    assert (info.scenario_id, info.run_id, info.node, info.service) == ("s-1", "r-1", "demand", "engine")
    assert info.trace_id == "5759e988bd862e3fe1be46a994272793"
    assert_is_the_failure(failure)


def test_structlog(stream: io.StringIO) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=True)),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logger = structlog.get_logger()
    with structlog.contextvars.bound_contextvars(correlation_id="corr-1", run_id=7):
        logger.warning("slow", seconds=3)
        caught(lambda: logger.exception("failed"))
    assert "hunter2" in stream.getvalue()
    warning, failure = map(parse, lines(stream))
    assert (warning.format, warning.level, warning.message) == ("structlog", "WARN", "slow")
    assert (warning.correlation_id, warning.run_id, warning.attributes) == ("corr-1", "7", {"seconds": 3})
    assert_is_the_failure(failure)
    assert "hunter2" not in repr(failure)


def test_python_json_logger(stream: io.StringIO) -> None:
    logger = handler_for(stream, JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.info("fine", extra={"correlation_id": "corr-1", "headers": {"x-run": 1}})
    caught(lambda: logger.exception("failed", extra={"runId": "r-1"}))
    info, failure = map(parse, lines(stream))
    assert (info.format, info.level, info.message, info.correlation_id) == (
        "python-json-logger",
        "INFO",
        "fine",
        "corr-1",
    )
    assert info.attributes == {"name": "plain", "headers": {"x-run": 1}}
    assert failure.run_id == "r-1"
    assert_is_the_failure(failure)


@pytest.mark.parametrize(
    "style",
    [
        "%(asctime)s %(levelname)s [correlation_id=corr-12] %(message)s",
        "%(asctime)s - %(name)s - %(levelname)s - %(message)s correlation_id=corr-12",
    ],
)
def test_plain_logging(stream: io.StringIO, style: str) -> None:
    logger = handler_for(stream, logging.Formatter(style))
    caught(lambda: logger.exception("failed"))
    failure = parse(stream.getvalue())
    assert (failure.format, failure.correlation_id, failure.correlation_source) == ("plain", "corr-12", "pattern")
    assert_is_the_failure(failure)


def test_loggers_default(stream: io.StringIO) -> None:
    logger = handler_for(stream, logging.Formatter(logging.BASIC_FORMAT))
    logger.warning("slow, run_id=r-1")
    parsed = parse(stream.getvalue())
    assert (parsed.format, parsed.level, parsed.message, parsed.run_id) == ("plain", "WARN", "slow, run_id=r-1", "r-1")
    assert parsed.attributes == {"logger": "plain"}


@pytest.mark.parametrize(
    "wrapped", [{"container_name": "app", "ecs_task_arn": "arn:t"}, {"stream": "stderr", "time": "t"}]
)
def test_the_same_through_a_container(stream: io.StringIO, wrapped: dict[str, str]) -> None:
    logger = handler_for(stream, JsonFormatter("%(levelname)s %(message)s"))
    caught(lambda: logger.exception("failed", extra={"correlation_id": "corr-1"}))
    parsed = parse(json.dumps({"log": stream.getvalue(), **wrapped}))
    assert parsed.correlation_id == "corr-1"
    assert wrapped.items() >= {k: v for k, v in parsed.attributes.items() if k in wrapped}.items() != set()
    assert_is_the_failure(parsed)


def test_an_error_group_is_an_error(stream: io.StringIO) -> None:
    logger = handler_for(stream, logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    try:
        raise ExceptionGroup("two nodes failed", [ValueError("a"), NodeFailed("b")])
    except ExceptionGroup:
        logger.exception("failed")
    parsed = parse(stream.getvalue())
    assert parsed.error is not None
    assert (parsed.level, parsed.error.type) == ("ERROR", "ExceptionGroup")
    assert parsed.error.message == "two nodes failed (2 sub-exceptions)"
    assert parsed.attributes["causes"] == [
        {"type": "ValueError", "message": "a"},
        {"type": "NodeFailed", "message": "b"},
    ]


METRIC = {
    "_aws": {
        "Timestamp": 1,
        "CloudWatchMetrics": [
            {
                "Namespace": "app",
                "Dimensions": [["service"]],
                "Metrics": [{"Name": "solved", "Unit": "Count"}, {"Name": "took_ms"}],
            }
        ],
    },
    "service": "engine",
    "solved": 3,
    "took_ms": 17.5,
    "correlation_id": "corr-1",
}


def test_embedded_metrics_are_no_message() -> None:
    parsed = parse(json.dumps(METRIC))
    assert (parsed.format, parsed.level, parsed.message) == ("emf", "INFO", "app: solved=3, took_ms=17.5")
    assert (parsed.service, parsed.correlation_id) == ("engine", "corr-1")
    assert parsed.attributes == {"kind": "metric", "solved": 3, "took_ms": 17.5}


def test_node_and_pino() -> None:
    invoke = '2026-11-22T12:00:00.123Z\t' + REQUEST + '\tERROR\tInvoke Error \t{"errorType":"RangeError","errorMessage":"too far","stack":["RangeError: too far","    at solve (/var/task/a.js:3:9)"],"run_id":"r-1"}'  # fmt: skip
    parsed = parse(invoke)
    assert (parsed.format, parsed.level, parsed.message, parsed.run_id) == (
        "lambda-text",
        "ERROR",
        "Invoke Error",
        "r-1",
    )
    assert parsed.error is not None
    assert (parsed.error.type, parsed.error.message) == ("RangeError", "too far")
    pino = parse('{"level":50,"time":1,"pid":7,"msg":"bad","err":{"type":"TypeError","message":"x is no function","stack":"TypeError: x is no function\\n    at f (a.js:1:2)"}}')  # fmt: skip
    assert (pino.level, pino.level_raw, pino.message) == ("ERROR", "50", "bad")
    assert pino.error is not None
    assert (pino.error.type, pino.error.message) == ("TypeError", "x is no function")


def test_a_runtime_that_was_killed() -> None:
    parsed = parse(f"RequestId: {REQUEST} Error: Runtime exited with error: signal: killed\nRuntime.ExitError")
    assert (parsed.level, parsed.request_id) == ("ERROR", REQUEST)
    assert parsed.error is not None
    assert (parsed.error.type, parsed.error.message) == ("ExitError", "Runtime exited with error: signal: killed")


def test_what_a_stacks_code_says_is_no_id() -> None:
    parsed = parse('2026-11-22 12:00:00 ERROR failed\nTraceback (most recent call last):\n  File "a.py", line 1, in f\n    solve(run_id=run, node="x", correlation_id=abcdef)\nKeyError: run_id=r-1')  # fmt: skip
    assert (parsed.run_id, parsed.node, parsed.correlation_id) == ("r-1", None, None)

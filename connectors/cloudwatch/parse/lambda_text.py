"""Lambda's text format: START, END and REPORT, `[LEVEL]` lines of Python, tab separated lines of Node, timeouts."""

from __future__ import annotations

import re

from connectors.cloudwatch.parse.identifiers import trace_of
from connectors.cloudwatch.parse.levels import PATTERN, level_of
from connectors.cloudwatch.parse.mentions import take_mentions
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.parse.stacks import has_stack, make_error, mentioned

TIMED_OUT = "Sandbox.Timedout"
EXITED = "Runtime.ExitError"
"""Lambda's own names of its errors."""

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_PLATFORM = re.compile(rf"(START|END|REPORT) RequestId: ({_UUID})|(INIT_START|INIT_REPORT|EXTENSION|LOGS|TELEMETRY)\b")
_EXIT = re.compile(rf"RequestId: ({_UUID}) (?:Error: )?((?:Runtime|Process) exited.*)", re.DOTALL)
_TIMEOUT = re.compile(rf"\S+Z ({_UUID}) Task timed out after ([\d.]+) seconds")
_PYTHON = re.compile(rf"\[({PATTERN})\]\t(\S+Z)\t({_UUID})\t(.*)", re.DOTALL)
_PYTHON_BARE = re.compile(rf"\[({PATTERN})\]\s+(.*)", re.DOTALL)
_NODE = re.compile(rf"(\d{{4}}-\S+Z)\t({_UUID}|undefined)\t(\w+)\t(.*)", re.DOTALL)
_MEASURE = re.compile(
    r"(Init Duration|Billed Duration|Duration|Memory Size|Max Memory Used): (\d+(?:\.\d+)?) (?:ms|MB)"
)
_XRAY = re.compile(r"XRAY TraceId: (\S+)")
_STATUS = re.compile(r"Status: (\w+)")
_ERROR_TYPE = re.compile(r"Error Type: ([\w.]+)")


def read_platform(text: str) -> Parsed | None:
    """START, END, REPORT and the lines about the environment."""
    found = _PLATFORM.match(text)
    if not found:
        return None
    parsed = Parsed(format="lambda-report", message=text, level="INFO", request_id=found[2])
    parsed.starts_request, parsed.ends_request = found[1] == "START", found[1] == "END"
    if "REPORT" in (found[1] or found[3]):
        _read_report(text, parsed)
    return parsed


def read_exit(text: str) -> Parsed | None:
    """ "RequestId: <id> Error: Runtime exited with error: signal: killed": out of memory, as a rule."""
    found = _EXIT.match(text)
    if not found:
        return None
    error = make_error(EXITED, found[2].partition("\n")[0])
    return Parsed(format="lambda-report", message=text, level="ERROR", request_id=found[1], error=error)


def read_timeout(text: str) -> Parsed | None:
    """ "<time> <request id> Task timed out after 3.00 seconds": written by the platform, so it is the error."""
    found = _TIMEOUT.match(text)
    if not found:
        return None
    message = f"Task timed out after {found[2]} seconds"
    error = make_error(TIMED_OUT, message)
    return Parsed(format="lambda-report", message=message, level="ERROR", request_id=found[1], error=error)


def read_python(text: str) -> Parsed | None:
    r"""`[LEVEL]\t<time>\t<request id>\t<message>`."""
    found = _PYTHON.match(text)
    if not found:
        return None
    return _application(found[4], found[1], found[3])


def read_python_bare(text: str) -> Parsed | None:
    r"""`[ERROR] Type: message`, then a traceback: an error that nobody caught. Lines may be joined by \r, and
    indented by no-break spaces."""
    found = _PYTHON_BARE.match(text)
    if not found:
        return None
    message = found[2]
    if "\r" in message:
        message = message.replace("\r\n", "\n").replace("\r", "\n")
    return _application(message.replace("\xa0", " "), found[1], None)


def read_node(text: str) -> Parsed | None:
    r"""`<time>\t<request id>\t<LEVEL>\t<message>`."""
    found = _NODE.match(text)
    if not found or level_of(found[3]) is None:
        return None
    return _application(found[4], found[3], None if found[2] == "undefined" else found[2])


def _application(message: str, level_raw: str, request_id: str | None) -> Parsed:
    parsed = Parsed(format="lambda-text", message=message, level_raw=level_raw, request_id=request_id)
    parsed.level = level_of(level_raw)
    if has_stack(message):
        parsed.error = make_error(*mentioned(message.partition("\n")[0]), message)
    elif parsed.level in ("ERROR", "FATAL"):
        parsed.error = make_error(*mentioned(message))
    take_mentions(message, parsed)
    return parsed


def _read_report(text: str, parsed: Parsed) -> None:
    parsed.attributes = {name.lower().replace(" ", "_"): float(value) for name, value in _MEASURE.findall(text)}
    trace, status, kind = _XRAY.search(text), _STATUS.search(text), _ERROR_TYPE.search(text)
    if trace:
        parsed.trace_id = trace_of(trace[1])
    if status and status[1] in ("timeout", "error", "failure"):
        parsed.level = "ERROR"
        found = kind[1] if kind else TIMED_OUT if status[1] == "timeout" else None
        parsed.error = make_error(found, f"Status: {status[1]}")

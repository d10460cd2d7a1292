"""Stack traces: error type, message and a fingerprint that survives moved lines."""

from __future__ import annotations

import hashlib
import re

from clearsight.logline import LogError

_PYTHON_FRAME = re.compile(r'^[ \t]*File "([^"]+)", line \d+, in (\S+)', re.MULTILINE)
_OTHER_FRAME = re.compile(r"^[ \t]+at (?:async )?([\w.$<>\[\] ]+?) ?\(([^():]+)(?::\d+)*\)", re.MULTILINE)
_HEAD = re.compile(r"([A-Za-z_][\w.$]*)(?:: ?(.*))?\Z", re.DOTALL)
_MENTIONED = re.compile(
    r"(?<![\w./])((?:[a-z_]\w*\.)*[A-Z]\w*"
    r"(?:Error|Exception|Timeout|Failure|Detected|Canceled|Exceeded|Timedout)): ?(.+)",
    re.DOTALL,
)
_TYPE = re.compile(
    r"[A-Z]\w*(?:Error|Exception|Warning|Exit|Interrupt|Timeout|Failure|Detected|Canceled|Exceeded)\b|[a-z_]+(?:\.\w+)*\.[A-Z]\w+"
)


def make_error(kind: str | None, message: str | None, stack: str | None = None) -> LogError | None:
    """An error from its parts, the missing ones read from the stack; None where there is nothing.

    `kind` loses its module: rules and people name classes.
    """
    if stack:
        found_kind, found_message = head_of(stack, kind)
        kind = kind or found_kind
        message = message or found_message
    if not (kind or message or stack):
        return None
    short = kind.rpartition(".")[2] if kind else None
    return LogError(type=short, message=message, stack=stack or None, fingerprint=_fingerprint(short, stack or ""))


def has_stack(text: str) -> bool:
    return "Traceback (most recent call last)" in text or bool("\n" in text and _OTHER_FRAME.search(text))


def head_of(stack: str, kind: str | None = None) -> tuple[str | None, str | None]:
    """Type and message of the error that the stack ends with (Python) or begins with (others)."""
    if kind:
        named = re.search(rf"{re.escape(kind.rpartition('.')[2])}: (.+)\Z", stack, re.DOTALL)
        if named:
            return kind, named[1].strip()
    text = _after_last_frame(stack)
    if text is None:
        text = stack.lstrip().partition("\n")[0]
    found = _HEAD.match(text.strip())
    if found and (_TYPE.fullmatch(found[1]) or _PYTHON_FRAME.search(stack)):
        return found[1], found[2]
    return None, None


def mentioned(text: str) -> tuple[str | None, str | None]:
    """Type and message of an error that the line names, like "ValueError: horizon must be positive"; else Nones."""
    found = _MENTIONED.search(text)
    return (found[1], found[2].strip()) if found else (None, None)


def _after_last_frame(stack: str) -> str | None:
    """What a Python traceback says below its last frame; None for other stacks."""
    last = None
    for last in _PYTHON_FRAME.finditer(stack):  # noqa: B007 - the last one is wanted
        pass
    if last is None:
        return None
    lines = stack[last.end() :].split("\n")[1:]
    for number, line in enumerate(lines):
        if line and not line[0].isspace():
            return "\n".join(lines[number:])
    return ""


def _fingerprint(kind: str | None, stack: str) -> str | None:
    frames = _PYTHON_FRAME.findall(stack) or [(file, function) for function, file in _OTHER_FRAME.findall(stack)]
    if not kind and not frames:
        return None
    content = "\n".join([kind or "", *(f"{file}:{function}" for file, function in frames)])
    return hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest()

"""Stack traces: error type, message, causes, and a fingerprint that survives moved lines."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

from clearsight.logline import LogError

TRACEBACK = "Traceback (most recent call last)"
MAX_CAUSES = 8
MAX_CAUSE_CHARACTERS = 500
MAX_TYPE_CHARACTERS = 256

_PYTHON_FRAME = re.compile(r'\n[ \t|]*File "([^"\n]+)", line \d+, in (\S+)')
_USUAL_FRAME = '\n  File "'
_OTHER_FRAME = re.compile(r"\n[ \t]+at (?:async )?([\w.$<>\[\] ]+?) ?\(([^():\n]+)(?::\d+)*\)")
_PYTHON_CHAIN = re.compile(
    r"\n\n(?:The above exception was the direct cause of the following exception"
    r"|During handling of the above exception, another exception occurred):\n"
)
_GROUP = "Exception Group Traceback"
_GROUPED = re.compile(r"\n( +)\| ([A-Za-z_][\w.]*): (.*)")
"""The head of a group, or of an error in it, by how far it is indented."""
_OF_A_GROUP = 2
_HEAD = re.compile(r"([A-Za-z_][\w.$]*)(?:: ?(.*))?\Z", re.DOTALL)
_CALLED = r"(?:Error|Exception|Timeout|Failure|Detected|Canceled|Exceeded|Timedout)"
_CALLED_SO = re.compile(rf"{_CALLED}:")
_MENTIONED = re.compile(rf"(?<![\w./])((?:[a-z_]\w*\.)*[A-Z]\w*{_CALLED}): ?(.+)", re.DOTALL)
_TYPE = re.compile(
    r"[A-Z]\w*(?:Error|Exception|Warning|Exit|Interrupt|Timeout|Failure|Detected|Canceled|Exceeded)\b|[a-z_]+(?:\.\w+)*\.[A-Z]\w+"
)


_LAST_LINE = re.compile(r"([A-Za-z_][\w.]*)(?:: (.*))?\Z", re.DOTALL)


class Told(NamedTuple):
    """What a stack says of an error."""

    type: str | None
    message: str | None


def make_error(kind: str | None, message: str | None, stack: str | None = None) -> LogError | None:
    """An error from its parts, the missing ones read from the stack; None where there is nothing.

    `kind` loses its module: rules and people name classes.
    """
    frames: tuple[str, ...] = ()
    if stack:
        frames = _frames(stack)
        if not (kind and message):
            found = _head(stack, kind)
            kind, message = kind or found.type, message or found.message
    if not (kind or message or stack):
        return None
    short = kind.rpartition(".")[2][:MAX_TYPE_CHARACTERS] if kind else None
    return LogError(type=short, message=message, stack=stack or None, fingerprint=_fingerprint(short, frames))


def has_stack(text: str) -> bool:
    return "\n" in text and (
        TRACEBACK in text or ((" at " in text or "\tat " in text) and bool(_OTHER_FRAME.search(text)))
    )


def names_error(line: str) -> bool:
    """Whether a line begins as the head of a stack does, with an error's class name."""
    return _told_by_line(line).type is not None


def ends_traceback(line: str) -> Told | None:
    """Type and message, of a line that may stand below the frames of a traceback: any class can be raised."""
    found = _LAST_LINE.match(line)
    return Told(found[1], found[2]) if found else None


def without_stack(text: str) -> str:
    """The text up to its stack, and what a Python traceback says below its last frame."""
    if TRACEBACK in text:
        before, _, stack = text.partition(TRACEBACK)
        return f"{before}\n{_after_frame(stack, _last_frame(stack))}"
    frame = _OTHER_FRAME.search(text) if has_stack(text) else None
    return text[: frame.start()] if frame else text


def causes_of(stack: str) -> list[dict[str, str]]:
    """The errors that the stack's own followed from, the nearest first: [{"type", "message"}, …]."""
    if "above exception" in stack:
        told = [_head(part, None) for part in _PYTHON_CHAIN.split(stack)[-2::-1]]
    elif "\nCaused by: " in stack:
        told = [_told_by_line(part.partition("\n")[0]) for part in stack.split("\nCaused by: ")[1:]]
    elif _GROUP in stack:
        told = [Told(kind, text) for depth, kind, text in _GROUPED.findall(stack) if len(depth) > _OF_A_GROUP]
    else:
        return []
    causes = [
        {
            "type": each.type.rpartition(".")[2][:MAX_TYPE_CHARACTERS],
            "message": (each.message or "").strip()[:MAX_CAUSE_CHARACTERS],
        }
        for each in told[:MAX_CAUSES]
        if each.type
    ]
    return [cause if cause["message"] else {"type": cause["type"]} for cause in causes]


def mentioned(text: str) -> Told:
    """Type and message of an error that the line names, like "ValueError: horizon must be positive"; else Nones."""
    found = _MENTIONED.search(text) if _CALLED_SO.search(text) else None
    return Told(found[1], found[2].strip()) if found else Told(None, None)


def _frames(stack: str) -> tuple[str, ...]:
    """`file:function` of each frame."""
    lines = "\n" + stack
    if 'File "' in stack and (found := _PYTHON_FRAME.findall(lines)):
        return tuple([f"{file}:{name}" for file, name in found])
    return tuple([f"{file}:{name}" for name, file in _OTHER_FRAME.findall(lines)])


def _last_frame(stack: str) -> int:
    """Where the last Python frame begins; -1 in other stacks."""
    place = stack.rfind(_USUAL_FRAME)
    if place < 0 and 'File "' in stack:
        for found in _PYTHON_FRAME.finditer("\n" + stack):
            place = max(0, found.start() - 1)
    return place


def _head(stack: str, kind: str | None) -> Told:
    """Type and message of the error that the stack ends with (Python) or begins with (others)."""
    if _GROUP in stack and (group := _GROUPED.search(stack)):
        return Told(kind or group[2], group[3])
    last_frame = _last_frame(stack)
    text = _before_frame(stack) if last_frame < 0 else _after_frame(stack, last_frame)
    told = _told_by_line(text, certainly=last_frame >= 0 or kind is not None)
    if kind is None:
        return told
    same = told.type is not None and told.type.rpartition(".")[2] == kind.rpartition(".")[2]
    return Told(kind, told.message.strip() if same and told.message else None)


def _told_by_line(text: str, *, certainly: bool = False) -> Told:
    found = _HEAD.match(text.strip())
    if found and (certainly or _TYPE.fullmatch(found[1])):
        return Told(found[1], found[2])
    return Told(None, None)


def _after_frame(stack: str, begin: int) -> str:
    """What a Python traceback says below its last frame: from the first line that is not indented."""
    lines = stack[begin:].lstrip("\n").split("\n")[1:]
    for number, line in enumerate(lines):
        if line and not line[0].isspace():
            return "\n".join(lines[number:])
    return ""


def _before_frame(stack: str) -> str:
    frame = _OTHER_FRAME.search(stack)
    return (stack[: frame.start()] if frame else stack.lstrip().partition("\n")[0]).partition("\nCaused by: ")[0]


@lru_cache(maxsize=256)
def _fingerprint(kind: str | None, frames: tuple[str, ...]) -> str | None:
    """An error storm repeats one stack."""
    if not kind and not frames:
        return None
    return hashlib.sha1("\n".join([kind or "", *frames]).encode(), usedforsecurity=False).hexdigest()

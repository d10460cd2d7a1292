"""From the text of a filter to its tree, by the grammar of `odata-query`. Bounded before anything recurses over it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from odata_query import ast
from odata_query.exceptions import (
    ArgumentCountException,
    ODataException,
    ParsingException,
    TokenizingException,
    UnknownFunctionException,
)
from odata_query.grammar import ODataLexer, ODataParser
from sly.lex import Token

from api.odata.faults import BadRequest, NotSupported

LONGEST = 8_000
"""Characters of one filter."""
MOST_TOKENS = 2_000
DEEPEST = 50
"""Parentheses and operators inside each other."""
SHOWN = 60

_LOST_PLUS = re.compile(r"(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d:\d\d)")
_NESTING = frozenset(
    ("NOT", "UMINUS", "ADD", "SUB", "MUL", "DIV", "MOD", "EQ", "NE", "LT", "LE", "GT", "GE", "IN", "/")
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def parse(text: str) -> ast._Node:
    """Raises BadRequest where it is no filter, NotSupported for a function that nobody knows."""
    try:
        found: ast._Node = ODataParser().parse(_bounded(_mended(tokens(text))))
    except UnknownFunctionException as error:
        raise NotSupported(f"the function {error.function_name}") from None
    except ArgumentCountException as error:
        raise BadRequest(f"$filter: {error}") from None
    except ParsingException as error:
        where = "its end" if error.eof or error.token is None else f"character {error.token.index + 1}"
        raise BadRequest(f"$filter: not understood at {where}: {_shown(text, error.token)}") from None
    except ODataException as error:
        raise BadRequest(f"$filter: {error}") from None
    return found


def name_of(identifier: ast.Identifier) -> str:
    return ".".join((*identifier.namespace, identifier.name))


def tokens(text: str) -> list[Token]:
    """Raises BadRequest where the text is too long or holds what no token begins with."""
    if len(text) > LONGEST:
        raise BadRequest(f"$filter: longer than {LONGEST} characters")
    if _CONTROL.search(text):
        raise BadRequest("$filter: must not contain control characters")
    text = _LOST_PLUS.sub(r"\1+\2", text)  # a "+" that nobody escaped arrives as a space
    try:
        return list(ODataLexer().tokenize(text.strip()))
    except TokenizingException as error:
        raise BadRequest(
            f"$filter: not understood at character {error.token.index + 1}: {_shown(text, error.token)}"
        ) from None


def _shown(text: str, token: Token | None) -> str:
    found = "" if token is None else text.strip()[token.index : token.index + SHOWN]
    return repr(found)


def _bounded(found: Iterable[Token]) -> Iterator[Token]:
    """Of each open parenthesis it is known how many operators nest in it: `1 add 1 add 1`, `not not x`."""
    nested = [0]
    for count, token in enumerate(found):
        if token.type == "(":
            nested.append(0)
        elif token.type == ")":
            nested = nested[:-1] or [0]
        elif token.type in ("AND", "OR", ","):
            nested[-1] = 0
        elif token.type in _NESTING:
            nested[-1] += 1
        if count >= MOST_TOKENS or len(nested) + sum(nested) > DEEPEST:
            raise BadRequest("$filter: too long or nested too deeply")
        yield token


def _mended(found: list[Token]) -> list[Token]:
    """What the specification allows and the grammar does not: `not(…)` without a space, `in ('a')` with one value."""
    mended: list[Token] = []
    for place, token in enumerate(found):
        following = found[place + 1].type if place + 1 < len(found) else ""
        if token.type == "ODATA_IDENTIFIER" and token.value == ast.Identifier("not") and following == "(":
            mended.append(_like(token, "NOT", ast.Not()))
            continue
        mended.append(token)
        if _ends_single(mended) and following == ")":
            mended.append(_like(token, ",", ","))
    return mended


def _ends_single(found: list[Token]) -> bool:
    """… in (literal"""
    bare = [token for token in found[-6:] if token.type != "WS"]
    return len(bare) >= 3 and [bare[-3].type, bare[-2].type] == ["IN", "("] and isinstance(bare[-1].value, ast._Literal)


def _like(token: Token, kind: str, value: Any) -> Token:
    made = Token()
    made.type, made.value, made.index, made.lineno = kind, value, token.index, token.lineno
    return made

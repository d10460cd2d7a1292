"""A filter's tree as an SQL expression.

Nulls are compared as OData says: `x ne 'A'` holds for a null x, `x gt 1` does not, and so `not (x gt 1)` does. A function of
null is null, which neither holds nor fails. So each part is asked two questions: when does it hold, and when does it fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from odata_query import ast
from sqlalchemy import BigInteger, Boolean, ColumnElement, Numeric, and_, cast, false, or_, true

from api.odata.faults import BadRequest, NotSupported
from api.odata.functions import FUNCTIONS
from api.odata.parsing import name_of, parse
from api.odata.sets import Kind, Property
from api.odata.typed import NUMBERS, Typed, comparable, of_literal, require

MOST_IN_LIST = 500

Condition = ColumnElement[bool]


def where(text: str, properties: Mapping[str, Property]) -> Condition:
    """The condition that `$filter` asks for. Raises BadRequest, NotSupported."""
    return _Compiler(properties).condition(parse(text), True)


@dataclass(frozen=True, slots=True)
class _Compiler:
    properties: Mapping[str, Property]

    def condition(self, node: ast._Node, holds: bool) -> Condition:
        """True where the part is true (`holds`), or where it is false."""
        match node:
            case ast.BoolOp():
                join = and_ if isinstance(node.op, ast.And) is holds else or_
                return join(*(self.condition(part, holds) for part in _parts(node)))
            case ast.UnaryOp(ast.Not(), operand):
                return self.condition(operand, not holds)
            case ast.Compare(ast.In(), one, listed):
                return self._in(self.value(one), listed, holds)
            case ast.Compare():
                left, right = comparable(self.value(node.left), self.value(node.right))
                return _COMPARISONS[type(node.comparator)](left, right, holds)
        truth = self._truth(node)
        return truth if holds else ~truth

    def _truth(self, node: ast._Node) -> Condition:
        """Null where it neither holds nor fails."""
        found = require(self.value(node), ("boolean",), "a condition")
        return cast(found.sql, Boolean) if found.kind == "null" else found.sql

    def value(self, node: ast._Node) -> Typed:
        match node:
            case ast.Identifier():
                return self._property(node)
            case ast.List():
                raise BadRequest("$filter: a list stands behind `in` only")
            case ast._Literal():
                return of_literal(node)
            case ast.BinOp():
                return self._arithmetic(node)
            case ast.UnaryOp(ast.USub(), operand):
                found = require(self.value(operand), NUMBERS, "-")
                return Typed(-_number(found, "integer"), found.kind)
            case ast.Compare():
                return Typed(self.condition(node, True).is_(true()), "boolean")
            case ast.UnaryOp(ast.Not(), operand):
                return Typed(~self._truth(operand), "boolean")
            case ast.BoolOp():
                join = and_ if isinstance(node.op, ast.And) else or_
                return Typed(join(*(self._truth(part) for part in _parts(node))), "boolean")
            case ast.Call():
                return self._call(node)
            case ast.Attribute() | ast.CollectionLambda():
                raise BadRequest("$filter: there are no navigation properties")
        raise BadRequest("$filter: not understood")

    def _property(self, node: ast.Identifier) -> Typed:
        found = self.properties.get(name_of(node))
        if found is None:
            raise BadRequest(f"$filter: no property {name_of(node)[:128]}")
        return Typed(found.column, found.kind)

    def _call(self, node: ast.Call) -> Typed:
        name = name_of(node.func)
        function = FUNCTIONS.get(name)
        if function is None:
            raise NotSupported(f"the function {name}")
        if any(isinstance(each, ast.NamedParam) for each in node.args):
            raise BadRequest(f"$filter: {name} takes its values by place")
        return function(*(self.value(each) for each in node.args))

    def _arithmetic(self, node: ast.BinOp) -> Typed:
        left, right = (require(self.value(each), NUMBERS, "arithmetic") for each in (node.left, node.right))
        kind: Kind = "decimal" if "decimal" in (left.kind, right.kind) else "integer"
        return Typed(_ARITHMETIC[type(node.op)](_number(left, kind), _number(right, kind)), kind)

    def _in(self, left: Typed, listed: ast._Node, holds: bool) -> Condition:
        """Of literals, so that `left` stands in the statement once for each at most."""
        literals = listed.val if isinstance(listed, ast.List) else []
        if not 0 < len(literals) <= MOST_IN_LIST or not all(isinstance(each, ast._Literal) for each in literals):
            raise BadRequest(f"$filter: `in` takes a list of 1 to {MOST_IN_LIST} literals")
        if left.kind == "boolean":
            raise BadRequest("$filter: `in` cannot take boolean")
        each_one = [_equal(*comparable(left, of_literal(each)), holds) for each in literals]
        return or_(*each_one) if holds else and_(*each_one)


def _parts(node: ast.BoolOp) -> list[ast._Node]:
    """Of `a and b and c`, which the grammar nests to the left: all three, without going down for each."""
    found: list[ast._Node] = []
    here: ast._Node = node
    while isinstance(here, ast.BoolOp) and type(here.op) is type(node.op):
        found.append(here.right)
        here = here.left
    return [here, *reversed(found)]


def _number(found: Typed, kind: Kind) -> ColumnElement[Any]:
    """Decimals as numeric: sums are exact, and mod is defined."""
    if kind == "decimal":
        return cast(found.sql, Numeric)
    return cast(found.sql, BigInteger) if found.kind == "null" else found.sql


def _equal(left: Typed, right: Typed, holds: bool) -> Condition:
    """Where one is written down, plainly: an index can be used."""
    if "null" in (left.kind, right.kind):
        other = right if left.kind == "null" else left
        return other.sql.is_(None) if holds else other.sql.is_not(None)
    if not holds:
        return left.sql.is_distinct_from(right.sql)
    if left.constant is None and right.constant is None:
        return left.sql.is_not_distinct_from(right.sql)
    return left.sql == right.sql


def _different(left: Typed, right: Typed, holds: bool) -> Condition:
    return _equal(left, right, not holds)


def _ordered(compare: Callable[[Any, Any], Condition]) -> Callable[[Typed, Typed, bool], Condition]:
    def ordered(left: Typed, right: Typed, holds: bool) -> Condition:
        if "null" in (left.kind, right.kind):
            return false() if holds else true()
        if left.kind == "boolean":
            raise BadRequest("$filter: boolean has no order")
        found = compare(left.sql, right.sql)
        return found if holds else found.is_not(true())

    return ordered


_COMPARISONS: dict[type[ast._Comparator], Callable[[Typed, Typed, bool], Condition]] = {
    ast.Eq: _equal,
    ast.NotEq: _different,
    ast.Lt: _ordered(lambda left, right: left < right),
    ast.LtE: _ordered(lambda left, right: left <= right),
    ast.Gt: _ordered(lambda left, right: left > right),
    ast.GtE: _ordered(lambda left, right: left >= right),
}
_ARITHMETIC: dict[type[ast._BinOpToken], Callable[[Any, Any], ColumnElement[Any]]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left.op("/")(right),
    ast.Mod: lambda left, right: left.op("%")(right),
}

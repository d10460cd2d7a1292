"""The key in an entity's address: `runs(42)`, `run_inputs(run_key=42,input_key='i1')`."""

from __future__ import annotations

from odata_query import ast
from sly.lex import Token
from sqlalchemy import ColumnElement, and_

from api.odata.faults import Unknown
from api.odata.parsing import name_of, tokens
from api.odata.sets import EntitySet
from api.odata.typed import Typed, comparable, of_literal


def by_key(text: str, entity_set: EntitySet) -> ColumnElement[bool]:
    """`text` is what stands between the parentheses. Raises Unknown where it is no key of the set, BadRequest."""
    given = _given([token for token in tokens(text) if token.type != "WS"], entity_set)
    if given.keys() != set(entity_set.key):
        raise Unknown(f"the key of {entity_set.name} is {', '.join(entity_set.key)}")
    conditions = []
    for name, value in given.items():
        found = entity_set.properties[name]
        left, right = comparable(Typed(found.column, found.kind), of_literal(value))
        conditions.append(left.sql == right.sql)
    return and_(*conditions)


def _given(found: list[Token], entity_set: EntitySet) -> dict[str, ast._Literal]:
    if len(found) == 1 and len(entity_set.key) == 1 and isinstance(found[0].value, ast._Literal):
        return {entity_set.key[0]: found[0].value}
    given: dict[str, ast._Literal] = {}
    for place in range(0, len(found), 4):
        part = found[place : place + 4]
        if [token.type for token in part[:2]] != ["ODATA_IDENTIFIER", "="] or len(part) < 3:
            return {}
        if not isinstance(part[2].value, ast._Literal) or (len(part) == 4 and part[3].type != ","):
            return {}
        if name_of(part[0].value) in given:
            return {}
        given[name_of(part[0].value)] = part[2].value
    return given

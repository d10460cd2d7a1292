"""A filter leaves the rows that it leaves in Python by OData's rules about null, whatever the filter and the rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.server import Server
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    insert,
    select,
)

from api.odata.filters import where
from api.odata.sets import Property
from sql.engine import sqlalchemy_url

pytestmark = pytest.mark.integration

TABLE = Table(
    "odata_row",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("a", Text),
    Column("b", Text),
    Column("n", BigInteger),
    Column("m", Integer),
    Column("x", Float),
    Column("t", Boolean),
    Column("d", Date),
    Column("at", DateTime),
    prefixes=["TEMPORARY"],
)
KINDS = {
    "a": "text",
    "b": "text",
    "n": "integer",
    "m": "integer",
    "x": "decimal",
    "t": "boolean",
    "d": "date",
    "at": "instant",
}
PROPERTIES = {name: Property(name, kind, "", True, TABLE.c[name]) for name, kind in KINDS.items()}  # type: ignore[arg-type]

TEXTS = ["", "A", "a", "50%", "50x", "a_b", "acb", "it's", "ä", "\\"]
NUMBERS = [-2, 0, 1, 7, 10**12]
DECIMALS = [-1.5, 0.0, 0.5, 2.0]
DAYS = [date(2026, 1, 31), date(2026, 2, 1), date(2025, 12, 31)]
TIMES = [datetime(2026, 1, 31, 23, 59, 59), datetime(2026, 2, 1), datetime(2026, 2, 1, 0, 0, 0, 500)]
VALUES: dict[str, list[Any]] = {
    "text": TEXTS, "integer": NUMBERS, "decimal": DECIMALS, "boolean": [True, False], "date": DAYS, "instant": TIMES
}  # fmt: skip

Row = dict[str, Any]


@st.composite
def rows(draw: Any) -> list[Row]:
    row = st.fixed_dictionaries(
        {
            name: st.one_of(st.none(), st.sampled_from([v for v in VALUES[kind] if name != "m" or v < 2**31]))
            for name, kind in KINDS.items()
        }
    )
    return list(draw(st.lists(row, min_size=1, max_size=12)))


class Expression:
    """A filter's text, and what it is of a row: True, False or None."""

    def __init__(self, text: str, of: Any) -> None:
        self.text, self.of = text, of

    def __repr__(self) -> str:
        return self.text


def literal(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return "'" + value.replace("'", "''") + "'"
        case datetime():
            local = value.replace(tzinfo=UTC) + timedelta(hours=5)
            return local.replace(tzinfo=None).isoformat() + "+05:00"
    return value.isoformat() if isinstance(value, date) else str(value)


def compared(operator: str, left: Any, right: Any) -> bool:
    if operator in ("eq", "ne"):
        return (left == right) is (operator == "eq")
    if left is None or right is None:
        return False
    return bool({"lt": left < right, "le": left <= right, "gt": left > right, "ge": left >= right}[operator])


@st.composite
def comparisons(draw: Any) -> Expression:
    name = draw(st.sampled_from(list(KINDS)))
    kind = KINDS[name]
    operator = draw(st.sampled_from(["eq", "ne"] if kind == "boolean" else ["eq", "ne", "lt", "le", "gt", "ge"]))
    if draw(st.integers(0, 3)) == 0:
        other = draw(st.sampled_from([each for each, its in KINDS.items() if its == kind]))
        return Expression(f"{name} {operator} {other}", lambda row: compared(operator, row[name], row[other]))
    value = draw(st.one_of(st.none(), st.sampled_from(VALUES[kind])))
    if draw(st.booleans()):
        return Expression(f"{literal(value)} {operator} {name}", lambda row: compared(operator, value, row[name]))
    return Expression(f"{name} {operator} {literal(value)}", lambda row: compared(operator, row[name], value))


@st.composite
def memberships(draw: Any) -> Expression:
    name = draw(st.sampled_from([name for name, kind in KINDS.items() if kind != "boolean"]))
    listed = draw(st.lists(st.one_of(st.none(), st.sampled_from(VALUES[KINDS[name]])), min_size=1, max_size=4))
    return Expression(f"{name} in ({','.join(map(literal, listed))})", lambda row: row[name] in listed)


@st.composite
def functions(draw: Any) -> Expression:
    name = draw(st.sampled_from(["a", "b"]))
    function = draw(st.sampled_from(["contains", "startswith", "endswith"]))
    part = draw(st.sampled_from(TEXTS))
    check = {"contains": str.__contains__, "startswith": str.startswith, "endswith": str.endswith}[function]
    return Expression(
        f"{function}({name},{literal(part)})", lambda row: None if row[name] is None else check(row[name], part)
    )


@st.composite
def computed(draw: Any) -> Expression:
    operator = draw(st.sampled_from(["eq", "ne", "lt", "ge"]))
    text, of = draw(st.sampled_from(COMPUTED))
    value = draw(st.sampled_from([-1, 0, 1, 2, 12, 31, 2026]))
    return Expression(f"{text} {operator} {value}", lambda row: compared(operator, of(row), value))


def _known(name: str, compute: Any) -> Any:
    return lambda row: None if row[name] is None else compute(row[name])


COMPUTED = [
    ("length(a)", _known("a", len)),
    ("length(trim(concat(a,' ')))", _known("a", lambda a: len(a.strip(" ")))),
    ("indexof(a,'b')", _known("a", lambda a: a.find("b"))),
    ("year(d)", _known("d", lambda d: d.year)),
    ("month(at)", _known("at", lambda at: at.month)),
    ("day(at)", _known("at", lambda at: at.day)),
    ("second(at)", _known("at", lambda at: at.second)),
    ("m add 1", _known("m", lambda m: m + 1)),
    ("m mul m sub 1", _known("m", lambda m: m * m - 1)),
    ("m div 2", _known("m", lambda m: int(m / 2))),
    ("-m", _known("m", lambda m: -m)),
    ("ceiling(x)", _known("x", lambda x: -int(-x // 1))),
    ("round(x)", _known("x", lambda x: {-1.5: -2, 0.0: 0, 0.5: 1, 2.0: 2}[x])),
]

leaves = st.one_of(
    comparisons(), memberships(), functions(), computed(), st.just(Expression("t", lambda row: row["t"]))
)


def _and(one: Expression, other: Expression) -> Expression:
    def of(row: Row) -> Any:
        both = (one.of(row), other.of(row))
        return False if False in both else None if None in both else True

    return Expression(f"({one.text}) and ({other.text})", of)


def _or(one: Expression, other: Expression) -> Expression:
    def of(row: Row) -> Any:
        both = (one.of(row), other.of(row))
        return True if True in both else None if None in both else False

    return Expression(f"({one.text}) or ({other.text})", of)


def _not(one: Expression) -> Expression:
    return Expression(f"not ({one.text})", lambda row: None if one.of(row) is None else not one.of(row))


def _is(one: Expression, truth: bool | None) -> Expression:
    return Expression(f"({one.text}) eq {literal(truth)}", lambda row: one.of(row) == truth)


expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(_and, inner, inner), st.builds(_or, inner, inner), st.builds(_not, inner),
        st.builds(_is, inner, st.sampled_from([True, False])),
    ),
    max_leaves=6,
)  # fmt: skip


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    engine = create_engine(sqlalchemy_url(server.dsn("postgres", "clearsight")))
    with engine.connect() as made:
        TABLE.create(made)
        yield made
    engine.dispose()


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(filter_=expressions, told=rows())
def test_the_database_and_the_rules_agree(connection: Connection, filter_: Expression, told: list[Row]) -> None:
    connection.execute(TABLE.delete())
    connection.execute(insert(TABLE), [{"id": number, **row} for number, row in enumerate(told)])
    statement = select(TABLE.c.id).where(where(filter_.text, PROPERTIES)).order_by(TABLE.c.id)
    found = list(connection.execute(statement).scalars())
    assert found == [number for number, row in enumerate(told) if filter_.of(row) is True], filter_.text

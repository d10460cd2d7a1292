"""The semantic model: tables, what joins them, who sees what, and what a deployment sets."""

from __future__ import annotations

from powerbi.describe.dimensions import DIMENSIONS
from powerbi.describe.facts import DIFFERENCES, FACTS, RUN_INPUTS, RUNS
from powerbi.model import Model, Parameter, Relation, Role, Table

_JOINS = (
    ("Date", "Date"),
    ("Scenario", "Scenario Key"),
    ("User", "User Key"),
    ("Severity", "Severity"),
    ("Category", "Category"),
    ("Run Key", "Run Key"),
)
"""Dimension and column: a fact that has a column of this name is related by it."""

_OF_RUNS = (RUNS, RUN_INPUTS, DIFFERENCES)
"""Facts of runs alone, which the run's own view knows."""


def _relations(facts: tuple[Table, ...]) -> tuple[Relation, ...]:
    return tuple(
        Relation(fact.name, column, dimension, column, sure=dimension == "Run Key" and fact in _OF_RUNS)
        for fact in facts
        for dimension, column in _JOINS
        if any(each.name == column for each in fact.columns)
    )


OWNER = Role(
    name="Owner",
    about="Sees the scenarios that they own, and what happened to them. E-mail addresses do not exist for this role.",
    rows={"Scenario": "NOT ISBLANK([Owner Email]) && LOWER([Owner Email]) = LOWER(USERPRINCIPALNAME())"},
    unseen=(("User", "Email"),),
)
ANALYST = Role(name="Analyst", about="Sees everything.")

MODEL = Model(
    tables=(*DIMENSIONS, *FACTS),
    relations=_relations(FACTS),
    roles=(OWNER, ANALYST),
    parameters=(
        Parameter(name="Server", value="localhost:5432", about="Host and port of the reporting database."),
        Parameter(name="Database", value="clearsight", about="The reporting database's name."),
    ),
)

"""The semantic model in TMDL: one file an object, tabs, LF."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from powerbi.model import Column, Measure, Model, Parameter, Relation, Role, Table
from powerbi.write.dax import dax, rank
from powerbi.write.names import lasting_id

COMPATIBILITY = 1601
TYPES = {
    "text": "string",
    "whole": "int64",
    "decimal": "double",
    "instant": "dateTime",
    "date": "dateTime",
    "flag": "boolean",
}
_FORMATS = {"whole": "0", "decimal": "#,##0.00", "instant": "yyyy-mm-dd hh:nn:ss", "date": "yyyy-mm-dd"}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def files(model: Model) -> Iterator[tuple[str, str]]:
    """Path below `definition/`, and text."""
    yield "database.tmdl", _lines("database", f"\tcompatibilityLevel: {COMPATIBILITY}")
    yield "model.tmdl", _model(model)
    yield "expressions.tmdl", "\n".join(_parameter(each) for each in model.parameters)
    yield "relationships.tmdl", "\n".join(_relation(each) for each in model.relations)
    for table in model.tables:
        yield f"tables/{table.name}.tmdl", _table(table, model.parameters)
    for role in model.roles:
        yield f"roles/{role.name}.tmdl", _role(role)


def _model(model: Model) -> str:
    return _lines(
        "model Model",
        "\tculture: en-US",
        "\tdefaultPowerBIDataSourceVersion: powerBI_V3",
        "\tdiscourageImplicitMeasures",
        "\tsourceQueryCulture: en-US",
        "",
        "annotation __PBI_TimeIntelligenceEnabled = 0",
        "",
        *(f"ref table {name(table.name)}" for table in model.tables),
        "",
        *(f"ref role {name(role.name)}" for role in model.roles),
    )


def _parameter(parameter: Parameter) -> str:
    meta = 'meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]'
    return _lines(
        *_about(parameter.about),
        f'expression {name(parameter.name)} = "{parameter.value}" {meta}',
        f"\tlineageTag: {lasting_id('parameter', parameter.name)}",
    )


def _relation(relation: Relation) -> str:
    return _lines(
        f"relationship {name(relation.name)}",
        *(["\trelyOnReferentialIntegrity"] if relation.sure else []),
        f"\tfromColumn: {name(relation.many)}.{name(relation.many_column)}",
        f"\ttoColumn: {name(relation.one)}.{name(relation.one_column)}",
    )


def _role(role: Role) -> str:
    unseen: dict[str, list[str]] = {}
    for table, column in role.unseen:
        unseen.setdefault(table, []).append(column)
    lines = [*_about(role.about), f"role {name(role.name)}", "\tmodelPermission: read"]
    for table in dict.fromkeys([*role.rows, *unseen]):
        rows = f" = {role.rows[table]}" if table in role.rows else ""
        lines += ["", f"\ttablePermission {name(table)}{rows}"]
        for column in unseen.get(table, ()):
            lines += ["", f"\t\tcolumnPermission {name(column)} = none"]
    return _lines(*lines)


def _table(table: Table, parameters: Iterable[Parameter]) -> str:
    lines = [*_about(table.about), f"table {name(table.name)}", f"\tlineageTag: {lasting_id('table', table.name)}"]
    if table.dates:
        lines.append("\tdataCategory: Time")
    for measure in table.measures:
        lines += ["", *_measure(table, measure)]
    for column in table.columns:
        lines += ["", *_column(table, column)]
    return _lines(*lines, "", *_partition(table, [each.name for each in parameters]))


def _measure(table: Table, measure: Measure) -> list[str]:
    return [
        *_about(measure.about, "\t"),
        f"\tmeasure {name(measure.name)} = {dax(table.name, measure.value)}",
        f"\t\tformatString: {measure.format}",
        *(["\t\tisHidden"] if measure.hidden else []),
        f"\t\tlineageTag: {lasting_id('measure', table.name, measure.name)}",
    ]


def _column(table: Table, column: Column) -> list[str]:
    computed = f" = {rank(table.name, column.rank)}" if column.rank else ""
    lines = [f"\tcolumn {name(column.name)}{computed}", f"\t\tdataType: {TYPES[column.kind]}"]
    lines += ["\t\tisKey"] if column.key else []
    lines += ["\t\tisHidden"] if column.hidden else []
    lines += [f"\t\tformatString: {_FORMATS[column.kind]}"] if column.kind in _FORMATS else []
    lines += [f"\t\tlineageTag: {lasting_id('column', table.name, column.name)}", "\t\tsummarizeBy: none"]
    lines += [f"\t\tsourceColumn: {column.source}"] if column.source else []
    lines += [f"\t\tsortByColumn: {name(column.sort_by)}"] if column.sort_by else []
    return lines


def _partition(table: Table, parameters: list[str]) -> list[str]:
    """Only the columns that the model knows are asked for: a view may grow."""
    wanted = ", ".join(f'"{column.source}"' for column in table.columns if column.source)
    steps = [
        f"Source = PostgreSQL.Database({', '.join(parameters)}, [CreateNavigationProperties = false]),",
        f'View = Source{{[Schema = "bi", Item = "{table.view}"]}}[Data],',
        f"Columns = Table.SelectColumns(View, {{{wanted}}})",
    ]
    return [
        f"\tpartition {name(table.name)} = m",
        f"\t\tmode: {table.storage}",
        "\t\tsource =",
        "\t\t\t\tlet",
        *(f"\t\t\t\t    {step}" for step in steps),
        "\t\t\t\tin",
        "\t\t\t\t    Columns",
    ]


def name(text: str) -> str:
    """As TMDL writes a name: quoted where it is not one word."""
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "''") + "'"


def _about(text: str, indent: str = "") -> list[str]:
    return [f"{indent}/// {text}"]


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"

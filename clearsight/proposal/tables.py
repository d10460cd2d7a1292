"""Which table could play which part, by what speaks for it."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from msgspec.structs import replace

from clearsight.proposal import columns
from clearsight.proposal import vocabulary as vocab
from clearsight.proposal.catalogue import Catalogue, Table
from clearsight.proposal.evidence import Candidate, Evidence, ranked
from clearsight.proposal.vocabulary import Words, fit
from clearsight.tables import TableName

_WORDS: dict[str, tuple[Words, Words]] = {
    "scenario": (vocab.SCENARIO, vocab.SCENARIO_WEAK),
    "input": (vocab.INPUT, vocab.INPUT_WEAK),
    "run": (vocab.RUN, vocab.RUN_WEAK),
    "user": (vocab.USER, vocab.USER_WEAK),
}


class Ground:
    """The tables that can be audited, and how they refer to each other."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.left_out: dict[TableName, str] = {}
        self.tables: dict[TableName, Table] = {}
        for table in catalogue.tables:
            obstacle = table.obstacle(catalogue.server_version) or _unsent_key(table, catalogue)
            if obstacle:
                self.left_out[table.name] = obstacle
            else:
                sent = tuple(column for column in table.columns if catalogue.sends(column))
                self.tables[table.name] = replace(table, columns=sent)

    @cached_property
    def _named(self) -> dict[str, set[TableName]]:
        """The tables that have a column of this spelling."""
        found: dict[str, set[TableName]] = defaultdict(set)
        for table in self.tables.values():
            for column in table.columns:
                found["_".join(vocab.words(column.name))].add(table.name)
        return found

    @cached_property
    def _declared(self) -> dict[TableName, set[TableName]]:
        found: dict[TableName, set[TableName]] = defaultdict(set)
        for table in self.tables.values():
            for key in table.foreign:
                found[key.target].add(table.name)
        return found

    def children(self, target: Table) -> list[Table]:
        """The tables that hold this one's key, itself left out."""
        near = set(self._declared[target.name])
        thing = vocab.words(target.name.name)
        if thing and len(target.key) == 1:
            singular = {thing[-1], thing[-1].removesuffix("s"), thing[-1].removesuffix("es"), thing[-1][:-3] + "y"}
            for end in ("id", "nr", "no", "key", "ref", "_".join(vocab.words(target.key[0])[-1:])):
                for head in singular:
                    near |= self._named.get("_".join((*thing[:-1], head, end)), set())
            near |= self._named.get("_".join(vocab.words(target.key[0])), set()) if "_" in target.key[0] else set()
        found = (self.tables[name] for name in sorted(near - {target.name}) if name in self.tables)
        return [table for table in found if columns.references(table, target)]


def _unsent_key(table: Table, catalogue: Catalogue) -> str | None:
    if not table.key:
        return "has no primary key and no unique index without nulls: nothing identifies a row"
    if not all(catalogue.sends(table.by_name[column]) for column in table.key):
        return "has a generated column in its key, which this version of PostgreSQL does not send"
    return None


def scenarios(ground: Ground) -> list[Candidate]:
    return ranked(
        Candidate(table=table.name, evidence=tuple(_scenario(table, ground))) for table in ground.tables.values()
    )


def _scenario(table: Table, ground: Ground) -> list[Evidence]:
    found = _name_evidence("scenario", table)
    states = [choice for choice in columns.lifecycle(table, ()).values() if choice.confidence >= 0.7]
    dependants = [child for child in ground.children(table) if not _is("user", child)]
    if dependants:
        listed = columns.shown(tuple(str(child.name) for child in dependants), 3)
        found.append(Evidence(0.3 if len(dependants) == 1 else 0.45, f"referred to by {listed}"))
    if any(choice.confidence >= 0.5 for choice in columns.status(table)):
        found.append(Evidence(0.25, f"has {columns.status(table)[0].column}"))
    if states:
        listed = columns.shown(tuple(choice.column for choice in states), 4)
        found.append(Evidence(0.1 if len(states) == 1 else 0.35, f"says when: {listed}"))
    if any(_is("user", ground.tables[key.target]) for key in table.foreign if key.target in ground.tables):
        found.append(Evidence(0.2, "refers to a user"))
    if columns.named(table, vocab.NAME, Words()):
        found.append(Evidence(0.1, "has a name"))
    if len(table.key) > 1:
        found.append(Evidence(-0.6, "its key has several columns, so no other table can name it by one"))
    return found


def users(ground: Ground, scenario: Table | None) -> list[Candidate]:
    """The scenario's own table and what belongs to it are no users."""
    apart = {scenario.name, *(child.name for child in ground.children(scenario))} if scenario else set()
    found = []
    for table in ground.tables.values():
        evidence = _name_evidence("user", table)
        if scenario and columns.references(scenario, table):
            evidence.append(Evidence(0.45, f"{scenario.name} refers to it"))
        if columns.named(table, vocab.EMAIL, Words()):
            evidence.append(Evidence(0.35, "has an e-mail address"))
        if columns.named(table, vocab.PERSON, vocab.PERSON_WEAK):
            evidence.append(Evidence(0.1, "has a name"))
        if table.name in apart:
            evidence.append(Evidence(-0.8, "belongs to a scenario"))
        found.append(Candidate(table=table.name, evidence=tuple(evidence)))
    return ranked(found)


def runs(ground: Ground, scenario: Table) -> list[Candidate]:
    """Of the tables that refer to the scenario and have a status."""
    children = ground.children(scenario)
    return ranked(
        Candidate(table=table.name, evidence=(_refers(table, scenario), *_run(table, scenario, children)))
        for table in children
        if columns.status(table)
    )


def _run(table: Table, scenario: Table, siblings: list[Table]) -> list[Evidence]:
    found = _name_evidence("run", table)
    status = columns.status(table)[0]
    found.append(Evidence(0.15, f"has {status.column}"))
    if any(columns.outcomes(table.by_name[status.column].values)):
        found.append(Evidence(0.3, f"{status.column} says how it went"))
    for vocabulary, what in ((vocab.STARTED, "started"), (vocab.FINISHED, "finished")):
        if times := columns.instants(table, vocabulary):
            found.append(Evidence(0.25, f"{times[0].column} says when it {what}"))
    if errors := columns.error(table):
        found.append(Evidence(0.3, f"has {errors[0].column}"))
    if table.rows and scenario.rows and table.rows > scenario.rows:
        found.append(Evidence(0.1, f"has more rows than {scenario.name}"))
    owners = [other for other in siblings if other is not table and columns.references(table, other)]
    if owners:
        found.append(Evidence(-0.4, f"belongs to {owners[0].name}"))
    return found


def inputs(ground: Ground, scenario: Table) -> list[Candidate]:
    """Of the tables that refer to the scenario."""
    return ranked(
        Candidate(table=table.name, evidence=(_refers(table, scenario), *_input(table, scenario)))
        for table in ground.children(scenario)
    )


def _input(table: Table, scenario: Table) -> list[Evidence]:
    found = _name_evidence("input", table)
    names = columns.named(table, vocab.NAME, vocab.NAME_WEAK)
    held = columns.values(table, [choice.column for choice in names])
    if held:
        found.append(Evidence(0.35 if held[0].confidence > 0.8 else 0.15, f"has {held[0].column}"))
    if names:
        found.append(Evidence(0.15, f"has {names[0].column}"))
    if columns.node(table):
        found.append(Evidence(0.1, f"has {columns.node(table)[0].column}"))
    holders = {choice.column for choice in columns.references(table, scenario)}
    if any(len(key) > 1 and holders & set(key) for key in (table.primary, *table.unique)):
        found.append(Evidence(0.15, "one row for each scenario and name"))
    if columns.instants(table, vocab.STARTED) and columns.instants(table, vocab.FINISHED):
        found.append(Evidence(-0.5, "starts and ends"))
    return found


def _refers(table: Table, scenario: Table) -> Evidence:
    choice = columns.references(table, scenario)[0]
    return Evidence(0.3 if choice.confidence > 0.9 else 0.15, f"{choice.column}: {choice.reason}")


def _name_evidence(part: str, table: Table) -> list[Evidence]:
    name = table.name.name
    found = []
    match = _match(part, name)
    if match:
        found.append(
            Evidence(
                round(0.6 * match, 2), f"named like {_article(part)}" if match >= 0.9 else f"could be {_article(part)}"
            )
        )
    others = [other for other in _WORDS if other != part and match < 0.9 and _match(other, name) >= 0.9]
    found += (Evidence(-0.6, f"named like {_article(other)}") for other in others)
    if part != "user" and match < 0.9 and vocab.words(name) and vocab.ASIDE.has(vocab.words(name)[-1]):
        found.append(Evidence(-0.6, "named like a record of something else"))
    return found


def _article(part: str) -> str:
    return f"an {part}" if part == "input" else f"a {part}"


def _match(part: str, name: str) -> float:
    return fit(name, *_WORDS[part], vocab.COMPOUNDS[part])


def _is(part: str, table: Table) -> bool:
    return _match(part, table.name.name) >= 0.9

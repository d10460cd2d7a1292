"""Which table could play which part, by what speaks for it."""

from __future__ import annotations

from clearsight.proposal import columns
from clearsight.proposal import vocabulary as vocab
from clearsight.proposal.catalogue import Table
from clearsight.proposal.evidence import Candidate, Evidence, ranked
from clearsight.proposal.ground import Ground
from clearsight.proposal.vocabulary import Words, fit

_WORDS: dict[str, tuple[Words, Words]] = {
    "scenario": (vocab.SCENARIO, vocab.SCENARIO_WEAK),
    "input": (vocab.INPUT, vocab.INPUT_WEAK),
    "run": (vocab.RUN, vocab.RUN_WEAK),
    "user": (vocab.USER, vocab.USER_WEAK),
}


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
    if any(_is("user", parent) for parent in ground.parents(table)):
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
        if scenario and ground.references(scenario, table):
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
    return ranked(
        Candidate(table=table.name, evidence=(_refers(table, scenario, ground), *_run(table, scenario, ground)))
        for table in ground.children(scenario)
        if columns.status(table)
    )


def _run(table: Table, scenario: Table, ground: Ground) -> list[Evidence]:
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
    owners = [other for other in ground.parents(table) if ground.references(other, scenario)]
    if owners:
        found.append(Evidence(-0.4, f"belongs to {owners[0].name}"))
    return found


def inputs(ground: Ground, scenario: Table) -> list[Candidate]:
    """Of the tables that refer to the scenario."""
    return ranked(
        Candidate(table=table.name, evidence=(_refers(table, scenario, ground), *_input(table, scenario, ground)))
        for table in ground.children(scenario)
    )


def _input(table: Table, scenario: Table, ground: Ground) -> list[Evidence]:
    found = _name_evidence("input", table)
    names = columns.named(table, vocab.NAME, vocab.NAME_WEAK)
    held = columns.values(table, [choice.column for choice in names])
    if held:
        found.append(Evidence(0.35 if held[0].confidence > 0.8 else 0.15, f"has {held[0].column}"))
    if names:
        found.append(Evidence(0.15, f"has {names[0].column}"))
    if columns.node(table):
        found.append(Evidence(0.1, f"has {columns.node(table)[0].column}"))
    holders = {choice.column for choice in ground.references(table, scenario)}
    if any(len(key) > 1 and holders & set(key) for key in (table.primary, *table.unique)):
        found.append(Evidence(0.15, "one row for each scenario and name"))
    if columns.instants(table, vocab.STARTED) and columns.instants(table, vocab.FINISHED):
        found.append(Evidence(-0.5, "starts and ends"))
    return found


def _refers(table: Table, scenario: Table, ground: Ground) -> Evidence:
    choice = ground.references(table, scenario)[0]
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

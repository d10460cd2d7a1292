"""Chooses the table for each part, and its columns."""

from __future__ import annotations

import difflib

import msgspec

from clearsight.errors import ConfigurationError, SourceError
from clearsight.mapping import Part
from clearsight.proposal import columns, tables
from clearsight.proposal.answers import NONE, PARTS, Answers
from clearsight.proposal.catalogue import Catalogue, Table
from clearsight.proposal.evidence import CLOSE, Candidate, Choice, Evidence, ranked
from clearsight.proposal.ground import Ground
from clearsight.proposal.keys import Key, input_keys, other_keys, run_keys, scenario_keys, user_keys
from clearsight.tables import TableName
from clearsight.topics import clashes

LEAST = 0.4
"""Below this confidence a table is not proposed for a part, only listed as a candidate."""
_SHORT_LIST = 8
_SHOWN = 5


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The table of a part with its keys in the mapping file."""

    part: Part
    table: TableName
    confidence: float
    reasons: tuple[str, ...]
    rivals: tuple[Candidate, ...] = ()
    """Tables that are nearly as likely."""
    keys: tuple[Key, ...] = ()


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    database: str
    source: str
    """Names the source in every id."""
    chosen: tuple[Chosen, ...]
    candidates: dict[str, tuple[Candidate, ...]]
    """The best of each part, the chosen one among them."""
    left_out: dict[str, str] = {}
    """Tables that cannot be audited, with the reason."""
    unrelated: int = 0
    """How many tables refer to no scenario and no run, and are not proposed."""


def propose(catalogue: Catalogue, answers: Answers = NONE, topic_prefix: str = "clearsight") -> Proposal:
    """The most likely mapping. Raises SourceError where no table could be the scenarios or an answer cannot be followed."""
    ground = Ground(catalogue)
    for wanted in [*filter(None, answers.tables.values()), *answers.others]:
        _require(ground, wanted)
    ranking = rank(ground, answers)
    scenario = _best(ranking["scenario"], ground, least=LEAST)
    if scenario is None:
        raise _nothing_fits(ground, ranking["scenario"])
    found = {part: _best(ranking[part], ground, least=LEAST) for part in ("run", "input", "user")}
    run, user = found["run"], found["user"]
    if found["input"] is run and run is not None:
        found["input"] = None
    chosen = [_chosen("scenario", ranking, scenario, scenario_keys(scenario, user, ground))]
    if found["input"]:
        chosen.append(_chosen("input", ranking, found["input"], input_keys(found["input"], scenario, ground)))
    if run:
        chosen.append(_chosen("run", ranking, run, run_keys(run, scenario, user, ground)))
    if user:
        chosen.append(_chosen("user", ranking, user, user_keys(user)))
    chosen = [_answered(each, ground, answers) for each in chosen]
    taken = {each.table for each in chosen}
    others = _others(ground, scenario, run, taken, answers)
    blocked = dict(clashes(topic_prefix, tuple(str(each.table) for each in (*chosen, *others))))
    others = [each for each in others if str(each.table) not in blocked]
    left_out = {str(name): reason for name, reason in ground.left_out.items()}
    left_out |= {table: f"cannot have a Kafka topic beside {other}" for table, other in blocked.items()}
    return Proposal(
        database=catalogue.database,
        source=_source_name(scenario.name, catalogue.database),
        chosen=(*chosen, *others),
        candidates={part: tuple(ranking[part][:_SHOWN]) for part in PARTS},
        left_out=left_out,
        unrelated=len(ground.tables) - len(taken) - len(others),
    )


def rank(ground: Ground, answers: Answers = NONE) -> dict[str, list[Candidate]]:
    """The candidates of each part, the best first: the scenarios together with what refers to them."""
    alone = tables.scenarios(ground)
    short = [candidate for candidate in alone[:_SHORT_LIST] if candidate.confidence > 0]
    joint = ranked(_with_dependants(candidate, ground) for candidate in short)
    named = {*filter(None, answers.tables.values()), *answers.others}
    free = [each for each in joint + alone[_SHORT_LIST:] if each.table not in named]
    ranking = {"scenario": _decided("scenario", free, answers)}
    scenario = ground.tables[ranking["scenario"][0].table] if ranking["scenario"] else None
    users = _decided("user", [each for each in tables.users(ground, scenario) if each.table not in named], answers)
    runs = tables.runs(ground, scenario) if scenario else []
    inputs = tables.inputs(ground, scenario) if scenario else []
    ranking["run"] = _decided("run", [each for each in runs if each.table not in named], answers)
    best = ranking["run"][0] if ranking["run"] else None
    taken = {best.table} if best and best.confidence >= LEAST else set()
    ranking["input"] = _decided("input", [c for c in inputs if c.table not in named | taken], answers)
    ranking["user"] = users
    return ranking


def wanted_samples(catalogue: Catalogue, answers: Answers = NONE) -> list[tuple[TableName, str]]:
    """The status columns of likely scenarios and runs of whose values the catalogue says nothing."""
    ground = Ground(catalogue)
    ranking = rank(ground, answers)
    likely = [candidate.table for part in ("scenario", "run") for candidate in ranking[part][:_SHOWN]]
    found = []
    for name in dict.fromkeys(likely):
        if (table := ground.tables.get(name)) and (choices := columns.status(table)):
            found += [(name, choice.column) for choice in choices[:2] if not table.by_name[choice.column].values]
    return found


def _with_dependants(candidate: Candidate, ground: Ground) -> Candidate:
    """What a table's dependants are tells what it is: where one looks like its runs and one like its inputs, it is the
    scenario."""
    table = ground.tables[candidate.table]
    evidence = list(candidate.evidence)
    for found, what, weight in (
        (tables.runs(ground, table), "runs", 0.5),
        (tables.inputs(ground, table), "inputs", 0.35),
    ):
        if found and found[0].confidence >= LEAST:
            evidence.append(Evidence(round(weight * found[0].confidence, 2), f"{found[0].table} could be its {what}"))
    return Candidate(table=candidate.table, evidence=tuple(evidence))


def _decided(part: str, candidates: list[Candidate], answers: Answers) -> list[Candidate]:
    """The user's answer in front of all; nothing where the answer is none."""
    if part not in answers.tables:
        return candidates
    answer = answers.tables[part]
    if answer is None:
        return []
    said = Candidate(table=answer, evidence=(Evidence(1.0, "you said so"),))
    return [said, *(candidate for candidate in candidates if candidate.table != answer)]


def _best(candidates: list[Candidate], ground: Ground, least: float) -> Table | None:
    if not candidates or candidates[0].confidence < least:
        return None
    return ground.tables[candidates[0].table]


def _chosen(part: Part, ranking: dict[str, list[Candidate]], table: Table, keys: list[Key]) -> Chosen:
    first, *others = ranking[part]
    close = tuple(each for each in others if first.confidence - each.confidence < CLOSE and first.confidence < 1)
    return Chosen(
        part=part,
        table=table.name,
        confidence=first.confidence,
        reasons=first.reasons,
        rivals=close,
        keys=tuple(keys),
    )


def _answered(chosen: Chosen, ground: Ground, answers: Answers) -> Chosen:
    """With the user's answers about its keys."""
    keys = {key.name: key for key in chosen.keys}
    for (part, name), column in answers.keys.items():
        if part != chosen.part:
            continue
        if name not in keys or not isinstance(keys[name].value, str | None):
            single = ", ".join(key.name for key in chosen.keys if isinstance(key.value, str | None))
            raise ConfigurationError(f"--answer {part}.{name}: no such key", f"use one of {single}, or edit the file")
        if column is not None and column not in (present := ground.tables[chosen.table].by_name):
            near = difflib.get_close_matches(column, present, n=1) or list(present)[:1]
            message = f"--answer {part}.{name}={column}: {chosen.table} has no such column"
            raise ConfigurationError(message, f"did you mean {near[0]}?")
        keys[name] = Key(name, column, Choice(column or "", 1.0, "you said so"))
    return msgspec.structs.replace(chosen, keys=tuple(keys.values()))


def _others(
    ground: Ground, scenario: Table, run: Table | None, taken: set[TableName], answers: Answers
) -> list[Chosen]:
    """What else belongs to a scenario or a run."""
    near = [*ground.children(scenario), *(ground.children(run) if run else ())]
    names = dict.fromkeys([*answers.others, *sorted(table.name for table in near)])
    found = []
    for name in names:
        if name in taken:
            continue
        said = name in answers.others
        keys = other_keys(ground.tables[name], scenario, run, ground)
        sure = (
            1.0 if said else max((key.choice.confidence for key in keys if key.name in ("scenario", "run")), default=0)
        )
        reasons = (
            ("you said so",) if said else tuple(key.choice.reason for key in keys if key.name in ("scenario", "run"))
        )
        found.append(Chosen(part="other", table=name, confidence=sure, reasons=reasons, keys=tuple(keys)))
    return found


def _source_name(scenario: TableName, database: str) -> str:
    return database if scenario.schema == "public" else scenario.schema


def _require(ground: Ground, name: TableName) -> None:
    if name in ground.tables:
        return
    if name in ground.left_out:
        reason = ground.left_out[name]
        mend = "choose another table"
        if "no primary key" in reason:
            mend = f"give it one: ALTER TABLE {_sql(name)} ADD PRIMARY KEY (…)"
        raise SourceError(f"{name} cannot be audited: it {reason}", mend)
    near = difflib.get_close_matches(str(name), [str(each) for each in ground.tables], n=1, cutoff=0.5)
    raise SourceError(f"the source has no table {name}", f"did you mean {near[0]}?" if near else "correct --answer")


def _nothing_fits(ground: Ground, candidates: list[Candidate]) -> SourceError:
    looked = len(ground.tables)
    database = ground.catalogue.database
    keyless = [name for name, reason in ground.left_out.items() if "no primary key" in reason]
    if not looked and ground.left_out and all(each.kind == "view" for each in ground.catalogue.tables):
        return SourceError(
            f"the database {database} has only views that can be looked at, and views have no changes of their own to send",
            "name the database or the --schema of the tables behind them",
        )
    if not looked and not ground.left_out:
        return SourceError(
            f"the database {database} has no tables that can be looked at", "name another database, or other --schema"
        )
    message = f"no table of the database {database} looks like scenarios; looked at {looked} of them"
    best = [
        f"{c.table} ({c.confidence:.2f}: {', '.join(c.reasons[:2])})" for c in candidates[:3] if c.confidence > 0.05
    ]
    if best:
        message += "; the best were " + ", ".join(best)
    several = [c.table for c in candidates[:3] if len(ground.tables[c.table].key) > 1]
    if several:
        keys = ", ".join(f"{name} ({', '.join(ground.tables[name].key)})" for name in several)
        message += f"; references to a key of several columns are not supported yet, and these have one: {keys}"
    if keyless:
        message += f"; {len(keyless)} without key could not be used: {', '.join(map(str, keyless[:5]))}"
    mend = f"name it: --answer scenario={candidates[0].table if candidates else 'schema.table'}"
    if several:
        mend = (
            f"audit it without what refers to it: --answer scenario={several[0]} --answer run=none --answer input=none; or "
            "give it a column that alone is unique and not null, and let the others refer to that"
        )
    if keyless:
        mend += f"; or give a table its key: ALTER TABLE {_sql(keyless[0])} ADD PRIMARY KEY (…)"
    return SourceError(message, mend)


def _sql(name: TableName) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name)

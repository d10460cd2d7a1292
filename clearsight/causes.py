"""Why a run failed: candidates ranked by their evidence, and what was ruled out.

A candidate is the change that gave an input the value with which the run failed, where that differs from the last good
run; or the other party of a lock conflict. The log-odds of its evidence are added up, and all candidates share one belief
with "something that was not captured". The verdict is `explained` where one candidate holds at least half of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from clearsight.anomaly import same, shown
from clearsight.case import Case, CommittedTransaction, Slot, ValueChange
from clearsight.contention import LockConflict, lock_conflict
from clearsight.evidence import LATEST, Evidence, evidence_of
from clearsight.readable import clock

CauseKind = Literal["input_change", "out_of_band", "contention"]
Verdict = Literal["explained", "undecided", "not_failed"]

NOT_CAPTURED = 2.0
"""The log-odds of a cause that no captured change shows."""
ENOUGH_BELIEF = 0.5
RULED_OUT_BELOW = 0.05

_NAMED_PARTY = 5.0
_OVERLAPPING_PARTY = 2.0


@dataclass(frozen=True, slots=True)
class ChangeView:
    """Who changed what; `old` is the value of the last good run. `user` null: not known."""

    name: str | None
    row_key: str
    old: Any
    new: Any
    user: str | None
    occurred_at: datetime
    correlation_id: str | None
    link: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Cause:
    kind: CauseKind
    category: str | None
    node: str | None
    change_key: str


@dataclass(frozen=True, slots=True)
class Candidate:
    kind: CauseKind
    category: str | None
    node: str | None
    change_key: str
    title: str
    score: float
    """Share of the belief, 0 to 1."""
    evidence: list[str]
    """What speaks for it, the most telling first."""
    against: list[str]
    change: ChangeView | None
    transaction: CommittedTransaction | None

    @property
    def cause(self) -> Cause:
        return Cause(self.kind, self.category, self.node, self.change_key)


@dataclass(frozen=True, slots=True)
class RuledOut:
    change_key: str
    node: str | None
    title: str
    score: float
    reasons: list[str]
    change: ChangeView


@dataclass(frozen=True, slots=True)
class Explanation:
    verdict: Verdict
    cause: Cause | None
    summary: str
    candidates: list[Candidate]
    ruled_out: list[RuledOut]


@dataclass(frozen=True, slots=True)
class _Suspect:
    kind: CauseKind
    node: str | None
    change_key: str
    title: str
    evidence: list[Evidence]
    change: ChangeView | None = None
    transaction: CommittedTransaction | None = None

    @property
    def log_odds(self) -> float:
        return sum(each.weight for each in self.evidence)


@dataclass(frozen=True, slots=True)
class _Net:
    """What became of one input between both runs: the last change that gave it its value, and the value before all."""

    change: ValueChange
    old: Any

    @property
    def unchanged(self) -> bool:
        return same(self.old, self.change.new)


def explain(case: Case) -> Explanation:
    """Rank what may have made the run fail. Its verdict does not depend on the order of changes that do not matter."""
    if case.run.outcome != "failed":
        return Explanation("not_failed", None, _not_failed(case), [], [])
    conflict = lock_conflict([text.text for text in case.errors])
    nets = net_changes(_without_parties(case))
    different = [net for net in nets if not net.unchanged]
    suspects = [*_changed_values(different, case, conflict), *_other_parties(case, conflict)]
    beliefs = _share(suspects)
    ranked = sorted(zip(suspects, beliefs, strict=True), key=lambda pair: (-pair[1], pair[0].change_key))
    top = ranked[0] if ranked else None
    explained = top is not None and top[1] >= ENOUGH_BELIEF
    candidates = [_candidate(suspect, belief, case) for suspect, belief in ranked if not _excluded(suspect, belief)]
    ruled_out = [_ruled_out(suspect, belief) for suspect, belief in ranked if _excluded(suspect, belief)]
    ruled_out += [_changed_back(net) for net in nets if net.unchanged]
    cause = candidates[0].cause if explained else None
    summary = _summary(candidates[0], case) if explained else _undecided(case, candidates, conflict)
    return Explanation("explained" if explained else "undecided", cause, summary, candidates, ruled_out)


def _without_parties(case: Case) -> list[ValueChange]:
    """What the other party of a conflict changed while the run was going is part of its own candidate."""
    parties = {party.tx_id for party in (*case.named_transactions, *case.overlapping_transactions)}
    return [change for change in case.changes if not (change.during_run and change.tx_id in parties)]


def net_changes(changes: Sequence[ValueChange]) -> list[_Net]:
    """One for each input, in commit order of the change that gave it its last value."""
    by_slot: dict[tuple[Slot, bool], list[ValueChange]] = {}
    for change in sorted(changes, key=lambda each: each.order):
        by_slot.setdefault((change.slot, change.during_run), []).append(change)
    nets = [_net(chain) for chain in by_slot.values()]
    return sorted(nets, key=lambda net: net.change.order)


def _net(chain: list[ValueChange]) -> _Net:
    final = chain[-1].new
    giving = len(chain) - 1
    while giving > 0 and same(chain[giving - 1].new, final):
        giving -= 1
    return _Net(chain[giving], chain[0].old)


def _changed_values(nets: list[_Net], case: Case, conflict: LockConflict | None) -> list[_Suspect]:
    before_start = [net for net in nets if not net.change.during_run]
    suspects = []
    for place, net in enumerate(nets):
        only = case.last_good is not None and before_start == [net] and not case.truncated
        found = evidence_of(net.change, net.old, case, lock_conflict=conflict is not None, only=only)
        recency = LATEST * (place + 1) / len(nets)
        suspects.append(
            _Suspect(
                kind="out_of_band" if net.change.out_of_band else "input_change",
                node=net.change.node or case.run.failing_node,
                change_key=net.change.change_key,
                title=_title(net),
                evidence=[*found, Evidence(recency, "")],
                change=_view(net),
            )
        )
    return suspects


def _other_parties(case: Case, conflict: LockConflict | None) -> list[_Suspect]:
    if conflict is None:
        return []
    named = [(each, _NAMED_PARTY, "the database's message names its transaction") for each in case.named_transactions]
    overlapping = [
        (each, _OVERLAPPING_PARTY, "it changed this scenario's rows while the run was going")
        for each in case.overlapping_transactions
    ]
    return [_party(each, weight, reason, case, conflict) for each, weight, reason in named or overlapping]


def _party(party: CommittedTransaction, weight: float, reason: str, case: Case, conflict: LockConflict) -> _Suspect:
    evidence = [
        Evidence(weight, f"the run failed by a {conflict.kind}: {reason}"),
        Evidence(0.0, f"transaction {party.tx_id} committed at {clock(party.committed_at)}, so it won the conflict"),
    ]
    if party.changes:
        evidence.append(Evidence(0.0, "it changed " + "; ".join(party.changes[:3])))
    who = party.user or "an unknown user"
    return _Suspect(
        kind="contention",
        node=case.run.failing_node,
        change_key=f"transaction/{party.tx_id}",
        title=f"transaction {party.tx_id} of {who}",
        evidence=evidence,
        transaction=party,
    )


def _share(suspects: list[_Suspect]) -> list[float]:
    powers = [math.exp(suspect.log_odds) for suspect in suspects]
    total = sum(powers) + math.exp(NOT_CAPTURED)
    return [power / total for power in powers]


def _excluded(suspect: _Suspect, belief: float) -> bool:
    return belief < RULED_OUT_BELOW and suspect.change is not None


def _candidate(suspect: _Suspect, belief: float, case: Case) -> Candidate:
    return Candidate(
        kind=suspect.kind,
        category=case.run.category,
        node=suspect.node,
        change_key=suspect.change_key,
        title=suspect.title,
        score=round(belief, 4),
        evidence=[each.text for each in suspect.evidence if each.text and each.weight >= 0],
        against=[each.text for each in suspect.evidence if each.weight < 0],
        change=suspect.change,
        transaction=suspect.transaction,
    )


def _ruled_out(suspect: _Suspect, belief: float) -> RuledOut:
    assert suspect.change is not None
    against = [each.text for each in suspect.evidence if each.weight < 0]
    reasons = against or ["nothing points to it, and more points elsewhere"]
    return RuledOut(suspect.change_key, suspect.node, suspect.title, round(belief, 4), reasons, suspect.change)


def _changed_back(net: _Net) -> RuledOut:
    reason = f"it was changed back: the run started with {shown(net.old)}, as the last good run did"
    return RuledOut(net.change.change_key, net.change.node, _title(net), 0.0, [reason], _view(net))


def _view(net: _Net) -> ChangeView:
    change = net.change
    return ChangeView(
        name=change.name,
        row_key=change.row_key,
        old=net.old,
        new=change.new,
        user=change.user,
        occurred_at=change.occurred_at,
        correlation_id=change.correlation_id,
        link=change.link,
        event_id=change.event_id,
    )


def _title(net: _Net) -> str:
    change = net.change
    place = ".".join(part for part in (change.node, change.name) if part) or change.row_key
    if net.old is None:
        return f"{place} added: {shown(change.new)}"
    if change.new is None:
        return f"{place} removed (was {shown(net.old)})"
    return f"{place}: {shown(net.old)} → {shown(change.new)}"


def share_text(score: float) -> str:
    """A share of belief for people; certainty is never claimed."""
    return ">99%" if score > 0.99 else f"{score:.0%}"


def _summary(top: Candidate, case: Case) -> str:
    failed = f"run {case.run.run_id} failed" + (f" in node {case.run.failing_node}" if case.run.failing_node else "")
    error = f": {case.run.error_message}" if case.run.error_message else ""
    if top.transaction is not None:
        return f"{failed} because it lost a lock conflict to {top.title}{error}"
    assert top.change is not None
    who = "out of band, without context," if top.kind == "out_of_band" else f"by {top.change.user or 'an unknown user'}"
    return f"{top.title}, changed {who} at {clock(top.change.occurred_at)}; then {failed}{error}"


def _undecided(case: Case, candidates: list[Candidate], conflict: LockConflict | None) -> str:
    if conflict is not None and not case.named_transactions and not case.overlapping_transactions:
        return f"a {conflict.kind}, but the other party is not among the captured changes"
    if not candidates and not case.changes:
        since = "since the last good run" if case.last_good else "of this scenario"
        return f"no input change {since} was captured; the cause lies elsewhere"
    if not candidates:
        return "every change since the last good run is ruled out; the cause lies elsewhere"
    return f"{len(candidates)} candidate{'s' if len(candidates) > 1 else ''}, none with enough evidence"


def _not_failed(case: Case) -> str:
    return f"run {case.run.run_id} has not failed: {case.run.outcome or 'nothing is known of its outcome yet'}"

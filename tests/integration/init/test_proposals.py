"""What is proposed for applications that are unlike each other."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from clearsight.mapping import Mapping
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping, parse_mapping
from clearsight.proposal.answers import Answers
from clearsight.proposal.misfits import misfits
from clearsight.proposal.propose import Proposal, propose, wanted_samples
from clearsight.proposal.text import mapping_text, unsure
from connectors.debezium.catalogue import only_reading, read_catalogue, sampled_values

pytestmark = pytest.mark.integration


class Proposed:
    def __init__(self, dsn: str, *answers: str) -> None:
        decided = Answers.parse(answers)
        with psycopg.connect(dsn, autocommit=True) as connection, only_reading(connection):
            catalogue = read_catalogue(connection)
            catalogue = catalogue.with_samples(sampled_values(connection, wanted_samples(catalogue, decided)))
        self.proposal: Proposal = propose(catalogue, decided)
        self.text = mapping_text(self.proposal, load_mapping(DEFAULT_MAPPING).errors)
        self.mapping: Mapping = parse_mapping(self.text)
        assert misfits(self.mapping, catalogue) == []
        self.unsure = "\n".join(unsure(self.proposal))

    def fields(self, part: str) -> dict[str, Any]:
        table = getattr(self.mapping, part)
        values = {name: getattr(table, name) for name in table.__struct_fields__}
        return {name: value for name, value in values.items() if value not in (None, (), {})}


def test_the_demos_own_mapping_is_found(demo: str) -> None:
    proposed = Proposed(demo)
    assert proposed.mapping == load_mapping(DEFAULT_MAPPING)
    assert proposed.unsure == ""


def test_the_loan_application(loan: str) -> None:
    proposed = Proposed(loan)
    assert proposed.mapping.source == "loan"
    scenario = proposed.fields("scenario")
    assert scenario["table"] == "loan.application"
    assert scenario["status"] == "status"
    assert scenario["lifecycle"] == {"registered": "registered_at"}
    assert "owner" not in scenario
    assert "updated_by could be the owner, or not" in proposed.unsure
    assert proposed.fields("input")["table"] == "loan.offer"
    assert proposed.fields("input")["value"] == ("amount",)
    run = proposed.fields("run")
    assert run["table"] == "loan.work_item"
    assert run["key"] == ("application_id", "activity", "run_no")
    assert (run["status"], run["started"], run["finished"]) == ("lifecycle", "started_at", "completed_at")
    assert run["succeeded"] == ("COMPLETE",)
    assert "failed" not in run
    assert "run.failed: failed: none of COMPLETE, SCHEDULE, START is known to say so" in proposed.unsure
    assert proposed.fields("user") == {"table": "loan.staff", "key": ("resource",), "replica_identity": "full"}


def test_german_names_in_mixed_case(planung: str) -> None:
    proposed = Proposed(planung)
    assert proposed.fields("scenario") == {
        "table": "Planung.Szenario",
        "key": ("SzenarioNr",),
        "name": "Bezeichnung",
        "owner": "Ersteller",
        "status": "Zustand",
        "replica_identity": "full",
        "lifecycle": {
            "angelegt": "angelegt am",
            "eingereicht": "eingereicht am",
            "freigegeben": "freigegebenAm",
            "gesperrt": "gesperrtAm",
        },
    }
    assert proposed.fields("input")["table"] == "Planung.Annahme"
    assert proposed.fields("input")["value"] == ("Wert",)
    run = proposed.fields("run")
    assert (run["table"], run["user"], run["error"]) == ("Planung.Ausführung", "gestartet von", "Fehlermeldung")
    assert (run["succeeded"], run["failed"]) == (("erfolgreich",), ("fehlgeschlagen",))
    assert proposed.fields("user")["email"] == "E-Mail"
    assert [table.table for table in proposed.mapping.other] == ['Planung."Messung.Roh"']
    assert "# left out: Planung.Notiz has no primary key" in proposed.text
    assert "# left out: Planung.Übersicht is a view" in proposed.text
    assert '# left out: Planung."Messung 2026" is a partition' in proposed.text


def test_jobs_without_foreign_key_to_their_accounts(jobs: str) -> None:
    proposed = Proposed(jobs)
    scenario = proposed.fields("scenario")
    assert (scenario["table"], scenario["owner"], scenario["status"]) == ("public.jobs", "account_id", "state")
    assert scenario["lifecycle"] == {"created": "created", "released": "released", "closed": "closed"}
    assert proposed.fields("input")["table"] == "public.job_params"
    run = proposed.fields("run")
    assert (run["table"], run["started"], run["finished"]) == ("public.job_attempts", "begun", "ended")
    assert (run["error"], run["correlation"]) == ("failure_reason", "correlation_id")
    assert (run["succeeded"], run["failed"]) == (("done",), ("failed",))
    assert "a run that is cancelled counts as running" in proposed.unsure
    assert proposed.fields("user")["table"] == "public.accounts"


def test_a_wrong_guess_is_mended_in_one_try(jobs: str) -> None:
    proposed = Proposed(jobs, "user=none", "input=none", "run.error=request_id", "other=public.schema_migrations")
    assert proposed.mapping.user is None
    assert proposed.mapping.input is None
    assert proposed.fields("run")["error"] == "request_id"
    assert "public.schema_migrations" in proposed.mapping.tables()
    assert "public.job_params" in proposed.mapping.tables()  # still belongs to a scenario


def test_two_tables_that_could_be_runs(database: Any) -> None:
    dsn = database(
        "two",
        """
        CREATE TABLE plan (id int PRIMARY KEY, name text, status text, created_at timestamptz, locked_at timestamptz);
        CREATE TABLE execution (id int PRIMARY KEY, plan_id int REFERENCES plan, status text, started_at timestamptz,
                                finished_at timestamptz, error text);
        CREATE TABLE calculation (id int PRIMARY KEY, plan_id int REFERENCES plan, status text, started_at timestamptz,
                                  finished_at timestamptz, error text);
        """,
    )
    proposed = Proposed(dsn)
    chosen = proposed.fields("run")["table"]
    other = {"public.execution": "public.calculation", "public.calculation": "public.execution"}[chosen]
    assert f"two tables could be runs: {chosen}" in proposed.unsure
    assert f"-a run={other}" in proposed.unsure
    assert Proposed(dsn, f"run={other}").fields("run")["table"] == other


def test_tables_without_a_single_foreign_key(database: Any) -> None:
    dsn = database(
        "bare",
        """
        CREATE TABLE orders (id bigint PRIMARY KEY, title text, state text, created_at timestamp, approved_at timestamp);
        CREATE TABLE order_parameters (id bigint PRIMARY KEY, order_id bigint NOT NULL, name text, value text);
        CREATE TABLE order_runs (id bigint PRIMARY KEY, "orderId" bigint NOT NULL, status text, start_time timestamp,
                                 end_time timestamp, error_message text);
        """,
    )
    mapping = Proposed(dsn).mapping
    assert mapping.scenario.table == "public.orders"
    assert mapping.input
    assert (mapping.input.table, mapping.input.scenario) == ("public.order_parameters", "order_id")
    assert mapping.run
    assert (mapping.run.table, mapping.run.scenario, mapping.run.started) == (
        "public.order_runs",
        "orderId",
        "start_time",
    )


def test_a_table_without_primary_key_is_known_by_its_unique_index(database: Any) -> None:
    dsn = database(
        "unique",
        "CREATE TABLE plan (code text NOT NULL UNIQUE, name text, status text, created_at timestamptz, locked_at timestamptz)",
    )
    proposed = Proposed(dsn)
    assert proposed.mapping.scenario.key == ("code",)
    assert "no primary key; a unique index without nulls" in proposed.text

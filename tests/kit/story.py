"""A small story with everything that the join must tell apart."""

from __future__ import annotations

from typing import Any

from kit.debezium import T0_US, Transaction, forwarder_state, log_line

from clearsight.logline import LogError

Record = tuple[str, bytes | None, bytes | None]

SCENARIOS, INPUTS, RUNS, NODES, USERS = (
    f"forecast.{table}" for table in ("scenarios", "inputs", "runs", "run_nodes", "users")
)
CREATED = "2026-11-22T23:00:00Z"


def scenario(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "scenario_id": f"s{number}",
        "name": f"Plan {number}",
        "owner_id": "u1",
        "status": "draft",
        "created_at": CREATED,
    }
    return {**row, "submitted_at": None, "approved_at": None, "locked_at": None, "archived_at": None, **changes}


def an_input(key: str, owner: str, value: str | None) -> dict[str, Any]:
    return {"input_id": key, "scenario_id": owner, "node": "demand", "name": f"name-{key}", "value_number": value}


def run(key: str, owner: str, status: str = "running", **changes: Any) -> dict[str, Any]:
    row = {"run_id": key, "scenario_id": owner, "started_by": "u1", "status": status, "started_at": CREATED}
    return {**row, "finished_at": None, "error_message": None, "failed_node": None, **changes}


def tell() -> list[Record]:
    """The story's records in the order in which a worker that never stopped would have read them."""
    transactions: list[list[Record]] = []

    def begin() -> Transaction:
        number = len(transactions)
        made = Transaction(
            tx_id=700 + number, committed_us=T0_US + number * 1_000_000, commit_lsn=10_000 + number * 1_000
        )
        transactions.append(made.records)
        return made

    def logs(*records: Record) -> None:
        transactions.append(list(records))

    begin().context("c-setup", "u1").insert(USERS, {"user_id": "u1", "name": "Ann", "email": "a@x"}).insert(
        SCENARIOS, scenario(1)
    ).insert(INPUTS, an_input("i1", "s1", "5")).insert(INPUTS, an_input("i2", "s1", "7")).insert(
        SCENARIOS, scenario(2)
    ).end()
    begin().context("c-run-1", "u1").insert(RUNS, run("r1", "s1")).end()
    logs(
        log_line(1, T0_US + 1_500_000, "run started", correlation_id="c-run-1", run_id="r1"),
        log_line(2, T0_US + 1_600_000, "computing", correlation_id="c-run-1"),
        log_line(3, T0_US + 1_650_000, "nothing to join by"),
        log_line(4, T0_US + 1_660_000, "a wrong id", correlation_id="c-of-nobody"),
    )
    begin().context("c-run-1", "u1").insert(NODES, {"run_id": "r1", "node": "demand", "status": "ok"}).update(
        RUNS, run("r1", "s1"), run("r1", "s1", "succeeded", finished_at="2026-11-22T23:00:09Z")
    ).end()
    begin().context("c-edit", "u2").context("c-edit-too", "u1").update(
        INPUTS, an_input("i1", "s1", "5"), an_input("i1", "s1", "6")
    ).end()
    begin().update(INPUTS, an_input("i2", "s1", "7"), an_input("i2", "s1", "-1")).end()  # out of band
    begin().context("c-bulk", "u2").update(SCENARIOS, scenario(1), scenario(1, name="Plan A")).update(
        SCENARIOS, scenario(2), scenario(2, name="Plan B")
    ).end()
    logs(log_line(5, T0_US + 6_100_000, "bulk edit of two", correlation_id="c-bulk"))
    begin().context("c-run-2", "u1").insert(RUNS, run("r2", "s1")).end()
    error = LogError(type="ValidationError", message="must not be negative", stack="Traceback …")
    logs(
        log_line(
            6,
            T0_US + 8_200_000,
            "node demand failed",
            level="ERROR",
            error=error,
            correlation_id="c-run-2",
            node="demand",
        )
    )
    failed = run(
        "r2",
        "s1",
        "failed",
        finished_at="2026-11-22T23:01:00Z",
        error_message="must not be negative",
        failed_node="demand",
    )
    begin().context("c-run-2", "u1").update(RUNS, run("r2", "s1"), failed).insert(
        NODES, {"run_id": "r2", "node": "demand", "status": "failed"}
    ).end()
    begin().context("c-submit", "u1").update(
        SCENARIOS,
        scenario(1, name="Plan A"),
        scenario(1, name="Plan A", status="submitted", submitted_at="2026-11-22T23:20:00Z"),
    ).end()
    begin().context("c-delete", "u1").delete(INPUTS, an_input("i2", "s1", "-1")).delete(
        SCENARIOS, scenario(2, name="Plan B")
    ).end()
    begin().context("c-last", "u1").update(
        USERS, {"user_id": "u1", "name": "Ann"}, {"user_id": "u1", "name": "Anne", "email": "a@x"}
    ).end()
    logs(forwarder_state(T0_US + 9_000_000, {"0": 6}))
    return [record for records in transactions for record in records]

"""What the contract test does to its tables, each text one transaction (see tests/data/contract.sql)."""

from __future__ import annotations

MESSAGE = """SELECT pg_logical_emit_message({transactional}, 'clearsight', '{{"correlation_id":"{id}","user":"u1"}}')"""

ROWS = (
    "INSERT INTO contract.scenario VALUES (10, 'x', 'draft', '2026-11-02T10:00:00Z', NULL)",
    "UPDATE contract.scenario SET name = 'y' WHERE id = 10",
    "UPDATE contract.scenario SET id = 11 WHERE id = 10",
    "DELETE FROM contract.scenario WHERE id = 11",
    "INSERT INTO contract.partial (id, scenario_id, amount) VALUES (1, 4, 5)",
    "UPDATE contract.partial SET amount = 6",
    "UPDATE contract.partial SET id = 2",
    "DELETE FROM contract.partial",
    "INSERT INTO contract.pair VALUES (7, 'x/y', 1)",
    "UPDATE contract.pair SET v = 2 WHERE a = 7",
    "UPDATE contract.pair SET b = 'z' WHERE a = 7",
    "DELETE FROM contract.pair WHERE a = 7",
    "INSERT INTO contract.keyless VALUES (1, 'a'), (2, NULL)",
    "UPDATE contract.keyless SET v = 'b' WHERE id = 2",
    "DELETE FROM contract.keyless WHERE id = 1",
    "INSERT INTO contract.lapsed VALUES (1, 'a')",
    "UPDATE contract.lapsed SET v = 'b'",
    "ALTER TABLE contract.lapsed REPLICA IDENTITY DEFAULT",
    "UPDATE contract.lapsed SET v = 'c'",
    "DELETE FROM contract.lapsed",
)
TOAST = (
    """INSERT INTO contract.partial (id, scenario_id, amount, body, doc, blob, texts, numbers)
    SELECT 3, 4, 5, repeat('x', 9000), jsonb_build_object('a', repeat('y', 9000)), convert_to(repeat('z', 9000), 'utf8'),
           array_agg(repeat('t', 40)), array_agg(n) FROM generate_series(1, 3000) n""",
    "UPDATE contract.partial SET day = '2026-01-02'",
    "INSERT INTO contract.run VALUES (1, 4, 'running', 'lost ' || repeat('e', 9000))",
    "UPDATE contract.run SET status = 'failed'",
    "DELETE FROM contract.run",
    "INSERT INTO contract.person VALUES (1, 'Ada' || repeat('a', 9000), 'old')",
    "UPDATE contract.person SET email = 'new'",
    "DELETE FROM contract.person",
    "ALTER TABLE contract.scenario ALTER name SET STORAGE EXTERNAL",
    "INSERT INTO contract.scenario VALUES (20, repeat('n', 9000), 'draft')",
    "UPDATE contract.scenario SET status = 'ready' WHERE id = 20",
    "TRUNCATE contract.partial, contract.run",
)
TYPES = (
    """INSERT INTO contract.typed VALUES (
    1, '1234567890123456789012345678.0123456789', '0.10', 0.1, 0.1, 9223372036854775807, true,
    '{"b": 1, "a": [1.10, null]}', '{"b":1 }', '1 year 2 mons 3 days 04:05:06.789', '2026-03-29 02:30:00.123456+02',
    '2026-03-29 02:30:00.123456', '2026-03-29 02:30:00.123', '2026-03-29', '02:30:00.123456', '{1,NULL,3}', '{a,NULL,"c d"}',
    '{2026-03-29}', '{1.10,NULL}', 'ok', '{ok,sad}', '\\x00ff', '00000000-0000-0000-0000-000000000001', '10.0.0.1/24',
    '[2026-01-01,infinity)')""",
    "INSERT INTO contract.typed (id) VALUES (2)",
    """INSERT INTO contract.typed (id, exact, free, ratio, small_ratio, at_zone, at_naive, at_ms, day)
    VALUES (3, 'NaN', 'Infinity', 'NaN', '-Infinity', 'infinity', '-infinity', 'infinity', '-infinity')""",
    "UPDATE contract.typed SET day = NULL WHERE id = 3",
    "INSERT INTO contract.typed (id, day) VALUES (4, '0044-03-15 BC')",
)
SHAPES = (
    "ALTER TABLE contract.evolving ADD COLUMN added int DEFAULT 7",
    "UPDATE contract.evolving SET old_name = 'n1' WHERE id = 1",
    "ALTER TABLE contract.evolving ADD COLUMN empty int",
    "UPDATE contract.evolving SET old_name = 'n2' WHERE id = 1",
    "ALTER TABLE contract.evolving DROP COLUMN gone",
    "UPDATE contract.evolving SET empty = 1 WHERE id = 1",
    "ALTER TABLE contract.evolving RENAME old_name TO new_name",
    "UPDATE contract.evolving SET new_name = 'n3' WHERE id = 1",
    """INSERT INTO contract.evolving (id) VALUES (8);
    ALTER TABLE contract.evolving ADD COLUMN within int;
    INSERT INTO contract.evolving (id) VALUES (9)""",
    "INSERT INTO contract.reborn VALUES (1, 'a')",
    """DROP TABLE contract.reborn;
    CREATE TABLE contract.reborn (id int PRIMARY KEY, w text);
    ALTER TABLE contract.reborn REPLICA IDENTITY FULL;
    GRANT SELECT ON contract.reborn TO clearsight_cdc;
    ALTER PUBLICATION contract ADD TABLE contract.reborn""",
    "INSERT INTO contract.reborn VALUES (1, 'b')",
)
MESSAGES = (
    MESSAGE.format(transactional="true", id="in-transaction") + "; INSERT INTO contract.pair VALUES (8, 'told', 1)",
    MESSAGE.format(transactional="false", id="outside"),
    ";".join(
        (
            MESSAGE.format(transactional="true", id="first-of-two"),
            "INSERT INTO contract.pair VALUES (8, 'told twice', 1)",
            MESSAGE.format(transactional="true", id="second-of-two"),
        )
    ),
)
ROLLED_BACK = (
    MESSAGE.format(transactional="true", id="rolled-back"),
    MESSAGE.format(transactional="false", id="attempt"),
    "INSERT INTO contract.pair VALUES (9, 'rolled back', 1)",
)

-- The tables of the contract test, with rows for the first snapshot.
CREATE SCHEMA contract;
CREATE TYPE contract.mood AS ENUM ('sad', 'ok');
CREATE TABLE contract.scenario (id int PRIMARY KEY, name text, status text, created_at timestamptz, submitted_at timestamptz);
CREATE TABLE contract.partial (
    id int PRIMARY KEY, scenario_id int NOT NULL, amount numeric(10, 2) NOT NULL, day date NOT NULL DEFAULT '2026-01-01',
    note text, body text, doc jsonb, blob bytea, texts text[], numbers int[]
);
CREATE TABLE contract.run (id int PRIMARY KEY, scenario_id int NOT NULL, status text NOT NULL, error text);
CREATE TABLE contract.person (id int PRIMARY KEY, name text, email text);
CREATE TABLE contract.pair (a int, b text, v int, PRIMARY KEY (a, b));
CREATE TABLE contract.keyless (id int, v text);
CREATE TABLE contract.typed (
    id int PRIMARY KEY, exact numeric(38, 10), free numeric, ratio double precision, small_ratio real, big bigint, yes boolean,
    doc jsonb, plain json, span interval, at_zone timestamptz, at_naive timestamp, at_ms timestamp(3), day date, clock time,
    numbers int[], texts text[], days date[], amounts numeric(10, 2)[], feeling contract.mood, feelings contract.mood[],
    bytes bytea, uid uuid, address inet, span_of tstzrange
);
CREATE TABLE contract.evolving (id int PRIMARY KEY, old_name text, gone text);
CREATE TABLE contract.reborn (id int PRIMARY KEY, v text);
CREATE TABLE contract.lapsed (id int PRIMARY KEY, v text NOT NULL);
CREATE TABLE contract.busy (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int);
ALTER TABLE contract.partial ALTER body SET STORAGE EXTERNAL, ALTER doc SET STORAGE EXTERNAL, ALTER blob SET STORAGE EXTERNAL,
    ALTER texts SET STORAGE EXTERNAL, ALTER numbers SET STORAGE EXTERNAL;
ALTER TABLE contract.run ALTER error SET STORAGE EXTERNAL;
ALTER TABLE contract.person ALTER name SET STORAGE EXTERNAL;
INSERT INTO contract.scenario SELECT n, 'snapshot ' || n, 'draft', '2026-11-01T10:00:00Z' FROM generate_series(1, 4) n;
INSERT INTO contract.pair SELECT n, 'b', 0 FROM generate_series(1, 3) n;
INSERT INTO contract.typed (id, day) VALUES (0, '0044-03-15 BC');
INSERT INTO contract.evolving SELECT n, 'old', 'gone' FROM generate_series(1, 3) n;

-- A workflow engine: text and uuid keys, no column named *_at, statuses as an enum, no foreign key to the accounts.
CREATE TYPE job_status AS ENUM ('queued', 'running', 'done', 'failed', 'cancelled');
CREATE TABLE accounts (account_id text PRIMARY KEY, username text NOT NULL, mail text, created timestamptz NOT NULL DEFAULT now());
CREATE TABLE jobs (
    job_id     uuid PRIMARY KEY,
    title      text NOT NULL,
    account_id text NOT NULL,
    state      text NOT NULL CHECK (state = ANY (ARRAY['draft'::text, 'released'::text, 'closed'::text])),
    created    timestamptz NOT NULL,
    released   timestamptz,
    closed     timestamptz,
    due_date   date
);
CREATE TABLE job_params (
    job_id uuid NOT NULL REFERENCES jobs, step text NOT NULL, name text NOT NULL, content jsonb,
    PRIMARY KEY (job_id, step, name)
);
CREATE TABLE job_attempts (
    attempt_id     bigserial PRIMARY KEY,
    job_id         uuid NOT NULL REFERENCES jobs,
    triggered_by   text,
    status         job_status NOT NULL,
    begun          timestamp NOT NULL,
    ended          timestamp,
    failure_reason text,
    request_id     text,
    correlation_id uuid
);
CREATE TABLE job_events (event_id bigserial PRIMARY KEY, attempt_id bigint NOT NULL REFERENCES job_attempts, step text, happened timestamptz);
CREATE TABLE job_log (line text);
CREATE TABLE schema_migrations (version text PRIMARY KEY);

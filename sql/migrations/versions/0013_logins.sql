-- Whom a login of the database stands for. Power BI cannot say who asks, so a login says it: the shared one sees everything and
-- leaves roles to the semantic model; a personal one (CREATE ROLE anne LOGIN IN ROLE clearsight_bi) sees what the person's key
-- of the API would show.
CREATE TABLE rpt.bi_login (
    login TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'analyst', 'admin')),
    user_id TEXT,
    note TEXT,
    PRIMARY KEY (login),
    CHECK (role <> 'viewer' OR user_id IS NOT NULL)
);
ALTER TABLE rpt.bi_login ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DO $$
BEGIN
    EXECUTE format('CREATE POLICY owner ON rpt.bi_login TO CURRENT_USER USING (current_user = %L)', current_user);
END $$;
INSERT INTO rpt.bi_login (login, role, note) VALUES ('clearsight_bi', 'analyst', 'the shared login');

CREATE FUNCTION rpt.login_role() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.role FROM rpt.bi_login b WHERE b.login = session_user
$$;

CREATE FUNCTION rpt.login_user() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.user_id FROM rpt.bi_login b WHERE b.login = session_user
$$;

CREATE FUNCTION rpt.login_sees() RETURNS int8multirange
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(
        (SELECT CASE WHEN b.role = 'viewer'
                     THEN (SELECT range_agg(int8range(s.scenario_key, s.scenario_key, '[]'))
                           FROM rpt.dim_scenario s WHERE s.owner = b.user_id)
                     ELSE '{(,)}'::int8multirange END
         FROM rpt.bi_login b WHERE b.login = session_user),
        '{}')
$$;

-- Only the API's role says in a transaction who asks; what any other login sets is not looked at. Bodies are parsed here: a
-- caller needs no right to the schema.
CREATE OR REPLACE FUNCTION rpt.sees() RETURNS int8multirange LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN pg_has_role(session_user, 'clearsight_api', 'MEMBER')
            THEN coalesce(nullif(current_setting('clearsight.sees', true), ''), '{}')::int8multirange
            ELSE rpt.login_sees() END;

CREATE OR REPLACE FUNCTION rpt.somebody_asks() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN pg_has_role(session_user, 'clearsight_api', 'MEMBER')
            THEN coalesce(current_setting('clearsight.role', true), '') <> ''
            ELSE rpt.login_role() IS NOT NULL END;

CREATE FUNCTION rpt.asking_user() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN pg_has_role(session_user, 'clearsight_api', 'MEMBER')
            THEN current_setting('clearsight.user', true)
            ELSE rpt.login_user() END;

ALTER POLICY reader ON rpt.dim_user USING (0::bigint <@ (SELECT rpt.sees()) OR user_id = (SELECT rpt.asking_user()));

REVOKE ALL ON FUNCTION rpt.login_role(), rpt.login_user(), rpt.login_sees(), rpt.asking_user() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpt.login_role(), rpt.login_user(), rpt.login_sees(), rpt.asking_user() TO clearsight_api, clearsight_bi;
REVOKE EXECUTE ON FUNCTION rpt.ask_as(text, text) FROM clearsight_bi;

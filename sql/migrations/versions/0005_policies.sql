-- Every table has row-level security, and FORCE. The owner's own sessions and functions see everything; a view that runs with
-- the owner's rights sees nothing, because then somebody else is the current user. The writer has BYPASSRLS, which COPY needs
-- (sql/roles.sql); its policy stands in where an administrator cannot give it.
DO $$
DECLARE
    t regclass;
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'rpt'::regnamespace AND c.relkind IN ('r', 'p')
                AND NOT c.relispartition
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner ON %s TO CURRENT_USER USING (current_user = %L)', t, current_user);
        EXECUTE format('CREATE POLICY writer ON %s TO clearsight_writer USING (true)', t);
    END LOOP;
    -- what belongs to a scenario; what belongs to none is for those who see everything
    FOREACH t IN ARRAY ARRAY['rpt.dim_scenario', 'rpt.dim_run', 'rpt.row_snapshot', 'rpt.fact_row_change', 'rpt.fact_user_action',
                             'rpt.fact_scenario_state_change', 'rpt.fact_run_diagnostic']::regclass[]
    LOOP
        EXECUTE format('CREATE POLICY reader ON %s FOR SELECT TO clearsight_api, clearsight_bi '
                       'USING (coalesce(scenario_key <@ (SELECT rpt.sees()), 0::bigint <@ (SELECT rpt.sees())))', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['rpt.dead_letter', 'rpt.audit_outbox']::regclass[] LOOP
        EXECUTE format('CREATE POLICY reader ON %s FOR SELECT TO clearsight_api, clearsight_bi '
                       'USING (0::bigint <@ (SELECT rpt.sees()))', t);
    END LOOP;
    -- bookkeeping without anybody's data: what an answer's coverage is read from
    FOREACH t IN ARRAY ARRAY['rpt.consumer_position', 'rpt.batch', 'rpt.watermark', 'rpt.gap', 'rpt.user_id']::regclass[] LOOP
        EXECUTE format('CREATE POLICY reader ON %s FOR SELECT TO clearsight_api, clearsight_bi '
                       'USING ((SELECT rpt.somebody_asks()))', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['rpt.dim_date', 'rpt.alembic_version']::regclass[] LOOP
        EXECUTE format('CREATE POLICY reader ON %s FOR SELECT TO clearsight_api, clearsight_bi USING (true)', t);
    END LOOP;
END $$;

CREATE POLICY reader ON rpt.fact_cloudwatch_log FOR SELECT TO clearsight_api, clearsight_bi
USING (coalesce(scenario_key <@ (SELECT rpt.sees()), 0::bigint <@ (SELECT rpt.sees()))
       OR (link = 'shared' AND rpt.touches_seen(correlation_key)));

CREATE POLICY reader ON rpt.dim_user FOR SELECT TO clearsight_api, clearsight_bi
USING (0::bigint <@ (SELECT rpt.sees()) OR user_id = (SELECT current_setting('clearsight.user', true)));

CREATE POLICY reader ON rpt.correlation FOR SELECT TO clearsight_api, clearsight_bi
USING (0::bigint <@ (SELECT rpt.sees()) OR rpt.touches_seen(correlation_key));

CREATE POLICY reader ON rpt.transaction_context FOR SELECT TO clearsight_api, clearsight_bi
USING (0::bigint <@ (SELECT rpt.sees()) OR rpt.touches_seen(correlation_id));

CREATE POLICY reader ON rpt.correlation_touch FOR SELECT TO clearsight_api, clearsight_bi
USING (0::bigint <@ (SELECT rpt.sees())
       OR (kind = 'scenario' AND key <@ (SELECT rpt.sees()))
       OR (kind = 'run' AND EXISTS (SELECT FROM rpt.dim_run r WHERE r.run_key = key)));

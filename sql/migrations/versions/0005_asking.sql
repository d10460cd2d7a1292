-- Who asks is told once a transaction by rpt.ask_as; what they see is kept as a set of scenario keys, so that the test for a
-- row is one comparison. Without it the set is empty. `{(,)}` is everything, also what belongs to no scenario: key 0.
CREATE FUNCTION rpt.sees() RETURNS int8multirange LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(current_setting('clearsight.sees', true), ''), '{}')::int8multirange
$$;

CREATE FUNCTION rpt.somebody_asks() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('clearsight.role', true), '') <> ''
$$;

-- For this transaction. A viewer sees the scenarios that `asking` owns; analyst and admin see everything.
CREATE FUNCTION rpt.ask_as(role text, asking text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen int8multirange := '{}';
BEGIN
    IF role IN ('analyst', 'admin') THEN
        seen := '{(,)}';
    ELSIF role = 'viewer' THEN
        SELECT coalesce(range_agg(int8range(scenario_key, scenario_key, '[]')), '{}') INTO seen
        FROM rpt.dim_scenario WHERE owner = asking;
    ELSE
        RAISE EXCEPTION 'no such role: %', role USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM set_config('clearsight.role', role, true), set_config('clearsight.user', coalesce(asking, ''), true),
            set_config('clearsight.sees', seen::text, true);
END $$;

-- Whether a correlation id touched a scenario that is seen. Not by the policy of correlation_touch, which needs the same.
CREATE FUNCTION rpt.touches_seen(correlation bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM rpt.correlation_touch t
                   WHERE t.correlation_key = correlation AND t.kind = 'scenario' AND t.key <@ rpt.sees())
$$;

CREATE FUNCTION rpt.touches_seen(correlation text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM rpt.correlation c WHERE c.correlation_id = correlation AND rpt.touches_seen(c.correlation_key))
$$;

-- How much of what an answer may need has not arrived or not been joined: numbers only, of everything, whoever asks. What
-- waits has no scenario yet, so that a viewer's answer would else call itself complete.
CREATE FUNCTION rpt.uncertain(since timestamptz, until timestamptz, joinable_after timestamptz, clock_skew interval, most bigint)
RETURNS TABLE (now timestamptz, pending_changes bigint, changes_since timestamptz, pending_logs bigint,
               logs_since timestamptz, unlinked bigint, dead_letters bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT
        pg_catalog.now(),
        (SELECT count(*) FROM (SELECT FROM rpt.fact_row_change WHERE link = 'pending' LIMIT most) AS waiting),
        (SELECT occurred_at FROM rpt.fact_row_change WHERE link = 'pending' AND occurred_at >= since
         ORDER BY occurred_at LIMIT 1),
        (SELECT count(*) FROM (SELECT FROM rpt.fact_cloudwatch_log WHERE link = 'pending' LIMIT most) AS waiting),
        (SELECT occurred_at FROM rpt.fact_cloudwatch_log
         WHERE link = 'pending' AND occurred_at >= since AND occurred_at > joinable_after ORDER BY occurred_at LIMIT 1),
        (SELECT count(*) FROM (SELECT FROM rpt.fact_row_change WHERE link = 'unlinked' LIMIT most) AS never),
        (SELECT count(*) FROM (
            SELECT FROM rpt.dead_letter
            WHERE state = 'open'
              AND coalesce(appended_at, first_seen_at) >= since - clock_skew
              AND coalesce(events_after, since) <= until + clock_skew
            LIMIT most) AS hidden);
END $$;

REVOKE ALL ON FUNCTION rpt.sees(), rpt.somebody_asks(), rpt.ask_as(text, text), rpt.touches_seen(bigint),
    rpt.touches_seen(text), rpt.uncertain(timestamptz, timestamptz, timestamptz, interval, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpt.sees(), rpt.somebody_asks(), rpt.ask_as(text, text), rpt.touches_seen(bigint),
    rpt.touches_seen(text) TO clearsight_api, clearsight_bi;
GRANT EXECUTE ON FUNCTION rpt.uncertain(timestamptz, timestamptz, timestamptz, interval, bigint) TO clearsight_api;

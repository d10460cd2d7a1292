-- A dead letter that does not say after what it happened may hide something of any time.
-- How much of what an answer may need has not arrived or not been joined: numbers only, of everything, whoever asks. What
-- waits has no scenario yet, so that a viewer's answer would else call itself complete.
CREATE OR REPLACE FUNCTION rpt.uncertain(since timestamptz, until timestamptz, joinable_after timestamptz, clock_skew interval, most bigint)
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
              AND coalesce(events_after, '-infinity') <= until + clock_skew
            LIMIT most) AS hidden);
END $$;

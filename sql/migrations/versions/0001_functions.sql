-- The month of `instant` gets its partition in every partitioned fact. The writer may call it; only the owner may create
-- tables. Two workers that need the same month wait for each other.
CREATE FUNCTION rpt.ensure_month(instant timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first_day date := date_trunc('month', instant AT TIME ZONE 'UTC');
    lower_bound timestamptz := first_day::timestamp AT TIME ZONE 'UTC';
    upper_bound timestamptz := (first_day + interval '1 month')::timestamp AT TIME ZONE 'UTC';
    fact text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('rpt.ensure_month'));
    FOREACH fact IN ARRAY ARRAY['fact_row_change', 'fact_user_action', 'fact_scenario_state_change', 'fact_cloudwatch_log'] LOOP
        IF to_regclass(format('rpt.%I', fact || to_char(first_day, '_YYYYMM'))) IS NULL THEN
            EXECUTE format('CREATE TABLE rpt.%I PARTITION OF rpt.%I FOR VALUES FROM (%L) TO (%L)',
                           fact || to_char(first_day, '_YYYYMM'), fact, lower_bound, upper_bound);
        END IF;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION rpt.ensure_month(timestamptz) FROM PUBLIC;

INSERT INTO rpt.dim_date (date, year, quarter, month, day, iso_week, iso_weekday)
SELECT d, extract(year FROM d), extract(quarter FROM d), extract(month FROM d), extract(day FROM d),
       extract(week FROM d), extract(isodow FROM d)
FROM generate_series(date '2000-01-01', date '2050-12-31', interval '1 day') AS series(d);

-- Reports read one cube at one grain, page by page: each has a table of its own. And two cubes have the days of what is
-- asked for most in a shorter form:
--   campaign         source, funnel_stage, event_type, campaign_id     the days of campaign_device without devices
--   campaign_place   source, funnel_stage, campaign_id, country        the days of campaign_country, of all types

-- Waits for a merge that is at work, and keeps others away until all is moved.
LOCK TABLE cube_totals IN ACCESS EXCLUSIVE MODE;
DROP VIEW cube_cells;
DROP FUNCTION recount_cube_totals(date);
ALTER TABLE cube_totals RENAME TO cube_totals_before;
ALTER INDEX cube_totals_pkey RENAME TO cube_totals_before_pkey;

CREATE TABLE cube_totals (
    bucket       timestamptz NOT NULL,
    events       bigint      NOT NULL,
    grain        smallint    NOT NULL CHECK (grain IN (60, 1440)),
    cube         text COLLATE "C" NOT NULL,
    source       text COLLATE "C" NOT NULL,
    funnel_stage text COLLATE "C" NOT NULL,
    event_type   text COLLATE "C" NOT NULL,
    campaign_id  text COLLATE "C" NOT NULL,
    country      text COLLATE "C" NOT NULL,
    device       text COLLATE "C" NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    amount       numeric     NOT NULL,
    PRIMARY KEY (cube, grain, bucket, campaign_id, country, event_type, device, currency, source, funnel_stage)
) PARTITION BY LIST (cube);

COMMENT ON TABLE cube_totals IS
    'Events and revenue by hour and UTC day and by campaign, country and device, but for what is in cube_deltas still';
COMMENT ON COLUMN cube_totals.cube IS
    'Which dimensions it has: campaign_device, campaign_country, country_device, campaign_revenue, revenue; of days also campaign, campaign_place';
COMMENT ON COLUMN cube_totals.events IS 'Events; in the cubes of revenue, transactions';
COMMENT ON COLUMN cube_totals.campaign_id IS ''''' = none, or not a dimension of this cube; the same holds for the others';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['campaign_device', 'campaign_country', 'country_device', 'campaign_revenue', 'revenue'] LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF cube_totals FOR VALUES IN (%L) PARTITION BY LIST (grain)',
                       'cube_' || name, name);
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES IN (60) WITH (fillfactor = 80)',
                       'cube_' || name || '_hours', 'cube_' || name);
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES IN (1440) WITH (fillfactor = 80)',
                       'cube_' || name || '_days', 'cube_' || name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['campaign', 'campaign_place'] LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF cube_totals FOR VALUES IN (%L) WITH (fillfactor = 80)',
                       'cube_' || name || '_days', name);
    END LOOP;
END
$$;

CREATE VIEW cube_cells AS
    SELECT grain, bucket, cube, source, funnel_stage, event_type, campaign_id, country, device, currency, events, amount
    FROM cube_totals
    UNION ALL
    SELECT 60::smallint, bucket, cube, source, funnel_stage, event_type, campaign_id, country, device, currency, events,
           amount
    FROM cube_deltas
    UNION ALL
    SELECT 1440::smallint, date_bin('1 day', bucket, 'epoch'), cube, source, funnel_stage, event_type, campaign_id,
           country, device, currency, events, amount
    FROM cube_deltas
    UNION ALL
    SELECT 1440::smallint, date_bin('1 day', bucket, 'epoch'), 'campaign', source, funnel_stage, event_type, campaign_id,
           '', '', '', events, 0
    FROM cube_deltas WHERE cube = 'campaign_device'
    UNION ALL
    SELECT 1440::smallint, date_bin('1 day', bucket, 'epoch'), 'campaign_place', source, funnel_stage, '', campaign_id,
           country, '', '', events, 0
    FROM cube_deltas WHERE cube = 'campaign_country';

COMMENT ON VIEW cube_cells IS 'cube_totals as they stand: with cube_deltas. A cell may have several rows: add them up';

CREATE OR REPLACE FUNCTION merge_cube_deltas() RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    merged bigint;
BEGIN
    -- Two at a time would wait for each other's rows; and most of the time there is nothing to do.
    IF NOT EXISTS (SELECT FROM cube_deltas)
       OR NOT pg_try_advisory_xact_lock(hashtextextended('sluice.cubes', 0)) THEN
        RETURN 0;
    END IF;
    WITH taken AS (
        DELETE FROM cube_deltas RETURNING *
    ), hours AS (
        SELECT cube, bucket, campaign_id, country, event_type, device, currency, source, funnel_stage,
               sum(events)::bigint AS events, sum(amount) AS amount
        FROM taken
        GROUP BY cube, bucket, campaign_id, country, event_type, device, currency, source, funnel_stage
    ), days AS (
        SELECT cube, date_bin('1 day', bucket, 'epoch') AS day, campaign_id, country, event_type, device, currency,
               source, funnel_stage, sum(events)::bigint AS events, sum(amount) AS amount
        FROM hours
        GROUP BY cube, day, campaign_id, country, event_type, device, currency, source, funnel_stage
    ), cells AS (
        SELECT 60::smallint AS grain, * FROM hours
        UNION ALL
        SELECT 1440, * FROM days
        UNION ALL
        SELECT 1440, 'campaign', day, campaign_id, '', event_type, '', '', source, funnel_stage, sum(events)::bigint, 0
        FROM days WHERE cube = 'campaign_device'
        GROUP BY day, campaign_id, event_type, source, funnel_stage
        UNION ALL
        SELECT 1440, 'campaign_place', day, campaign_id, country, '', '', '', source, funnel_stage, sum(events)::bigint, 0
        FROM days WHERE cube = 'campaign_country'
        GROUP BY day, campaign_id, country, source, funnel_stage
    ), stored AS (
        INSERT INTO cube_totals AS t (grain, cube, bucket, campaign_id, country, event_type, device, currency, source,
                                      funnel_stage, events, amount)
        SELECT * FROM cells
        ORDER BY cube, grain, bucket, campaign_id, country, event_type, device, currency, source, funnel_stage
        ON CONFLICT (cube, grain, bucket, campaign_id, country, event_type, device, currency, source, funnel_stage)
        DO UPDATE SET events = t.events + excluded.events, amount = t.amount + excluded.amount
    )
    SELECT count(*) INTO merged FROM taken;
    RETURN merged;
END
$$;

CREATE FUNCTION recount_cube_totals(day date) RETURNS SETOF cube_totals
LANGUAGE sql STABLE AS $$
    WITH facts AS MATERIALIZED (
        SELECT date_bin('1 hour', f.timestamp, 'epoch') AS hour, f.source, f.funnel_stage, f.event_type, f.campaign_id,
               f.country, f.device, r.currency, count(*) AS events, sum(r.amount) AS amount
        FROM event_facts f
        LEFT JOIN revenue_transactions r ON r.event_key = f.event_key AND r.timestamp = f.timestamp
                                        AND r.timestamp >= utc_day(day) AND r.timestamp < utc_day(day + 1)
        WHERE f.timestamp >= utc_day(day) AND f.timestamp < utc_day(day + 1)
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    ), cells AS (
        SELECT hour, events, 'campaign_device' AS cube, source, funnel_stage, event_type, campaign_id, '' AS country,
               device, '' AS currency, 0::numeric AS amount
        FROM facts
        UNION ALL
        SELECT hour, events, 'campaign_country', source, funnel_stage, event_type, campaign_id, country, '', '', 0
        FROM facts
        UNION ALL
        SELECT hour, events, 'country_device', source, funnel_stage, event_type, '', country, device, '', 0
        FROM facts
        UNION ALL
        SELECT hour, events, 'campaign_revenue', source, '', '', campaign_id, '', '', currency, amount
        FROM facts WHERE currency IS NOT NULL
        UNION ALL
        SELECT hour, events, 'revenue', source, funnel_stage, event_type, campaign_id, country, device, currency, amount
        FROM facts WHERE currency IS NOT NULL
        UNION ALL
        SELECT hour, events, 'campaign', source, funnel_stage, event_type, campaign_id, '', '', '', 0
        FROM facts
        UNION ALL
        SELECT hour, events, 'campaign_place', source, funnel_stage, '', campaign_id, country, '', '', 0
        FROM facts
    )
    SELECT date_bin(make_interval(mins => grain), hour, 'epoch'), sum(events)::bigint, grain::smallint, cube, source,
           funnel_stage, event_type, campaign_id, country, device, currency, sum(amount)
    FROM cells, unnest(CASE WHEN cube IN ('campaign', 'campaign_place') THEN ARRAY[1440] ELSE ARRAY[60, 1440] END) AS grain
    GROUP BY 1, grain, cube, source, funnel_stage, event_type, campaign_id, country, device, currency
$$;

COMMENT ON FUNCTION recount_cube_totals(date) IS 'What cube_cells must come to for a UTC day';

-- What is stored already.

INSERT INTO cube_totals SELECT * FROM cube_totals_before
ORDER BY cube, grain, bucket, campaign_id, country, event_type, device, currency, source, funnel_stage;

INSERT INTO cube_totals (bucket, events, grain, cube, source, funnel_stage, event_type, campaign_id, country, device,
                         currency, amount)
SELECT bucket, sum(events), grain, 'campaign', source, funnel_stage, event_type, campaign_id, '', '', '', 0
FROM cube_totals WHERE cube = 'campaign_device' AND grain = 1440
GROUP BY bucket, grain, source, funnel_stage, event_type, campaign_id;

INSERT INTO cube_totals (bucket, events, grain, cube, source, funnel_stage, event_type, campaign_id, country, device,
                         currency, amount)
SELECT bucket, sum(events), grain, 'campaign_place', source, funnel_stage, '', campaign_id, country, '', '', 0
FROM cube_totals WHERE cube = 'campaign_country' AND grain = 1440
GROUP BY bucket, grain, source, funnel_stage, campaign_id, country;

DROP TABLE cube_totals_before;

-- What is looked up and rewritten most is cheaper to find and has room; and what takes long is done in parts.

-- Users have their numbers from 0 on in each source: the number decides nearly every comparison, and it is not a text.
DROP INDEX user_demographics_number_idx;
CREATE INDEX user_demographics_number_idx ON user_demographics (user_no, source);

-- A merge rewrites most of the rows of an hour or a day. With 80 more than half of the new versions found their page full,
-- went elsewhere and into the primary key again, ten columns wide; the tables grew beyond what the room would have taken.
DO $$
DECLARE
    leaf regclass;
BEGIN
    FOR leaf IN SELECT relid FROM pg_partition_tree('cube_totals') WHERE isleaf LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 50)', leaf);
    END LOOP;
END
$$;

-- A merge of all takes seconds under load: a core of its own, and nothing that it might see can be cleared away meanwhile.
-- A part has its share of the campaigns, with all that was added to them: no row is rewritten more often for it.
CREATE FUNCTION merge_cube_deltas(part integer, parts integer) RETURNS bigint
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
        DELETE FROM cube_deltas
        WHERE parts = 1 OR (hashtext(campaign_id) & 2147483647) % parts = part
        RETURNING *
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

COMMENT ON FUNCTION merge_cube_deltas(integer, integer) IS
    'Moves what is committed in cube_deltas of one part of the campaigns, from 0 on, into cube_totals; says how many rows. Does nothing while another one is at it';

CREATE OR REPLACE FUNCTION merge_cube_deltas() RETURNS bigint
LANGUAGE sql VOLATILE AS $$
    SELECT merge_cube_deltas(0, 1)
$$;

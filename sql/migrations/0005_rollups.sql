-- Rollups: what reports read instead of events. Each is written in the transaction that stores the events it counts,
-- so a report finds either both or none of it. A bucket is a span of UTC time; its grain is its length in minutes:
-- 1, 15 (every zone in use is a multiple of it away from UTC), 60 and 1440. What a range begins or ends with inside of
-- the smallest bucket is read from the events.

-- Waits for the writers that are at work, and keeps others away until what is there is counted.
LOCK TABLE event_keys, processed_events, revenue_transactions, user_demographics IN SHARE ROW EXCLUSIVE MODE;

-- The parts of a minute or an hour that a report reads are few, but they may lie anywhere: events come in any order.
DROP INDEX processed_events_timestamp_brin;
CREATE INDEX processed_events_timestamp_idx ON processed_events (timestamp);

-- The buyers of a campaign.
CREATE INDEX revenue_transactions_campaign_idx ON revenue_transactions (campaign_id, timestamp);

ALTER TABLE event_keys ADD COLUMN event_at timestamptz;
COMMENT ON COLUMN event_keys.event_at IS
    'The event''s timestamp, by which its row is found; NULL in keys that were stored before this column was there';

-- How many, and how much.

CREATE TABLE event_counts (
    bucket       timestamptz NOT NULL,
    earliest     timestamptz NOT NULL,
    latest       timestamptz NOT NULL,
    events       bigint      NOT NULL,
    grain        smallint    NOT NULL CHECK (grain IN (1, 15, 1440)),
    source       text COLLATE "C" NOT NULL,
    funnel_stage text COLLATE "C" NOT NULL,
    event_type   text COLLATE "C" NOT NULL,
    PRIMARY KEY (grain, bucket, source, funnel_stage, event_type)
) WITH (fillfactor = 70);

COMMENT ON TABLE event_counts IS 'Stored events by minute, quarter of an hour and UTC day';
COMMENT ON COLUMN event_counts.bucket IS 'Where it begins';
COMMENT ON COLUMN event_counts.grain IS 'How long it is, in minutes';
COMMENT ON COLUMN event_counts.earliest IS 'Timestamp of the first event in it';
COMMENT ON COLUMN event_counts.latest IS 'Timestamp of the last event in it';

CREATE TABLE revenue_totals (
    bucket       timestamptz NOT NULL,
    earliest     timestamptz NOT NULL,
    latest       timestamptz NOT NULL,
    transactions bigint      NOT NULL,
    grain        smallint    NOT NULL CHECK (grain IN (1, 15, 1440)),
    source       text COLLATE "C" NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    amount       numeric     NOT NULL,
    PRIMARY KEY (grain, bucket, source, currency)
) WITH (fillfactor = 70);

COMMENT ON TABLE revenue_totals IS 'revenue_transactions by minute, quarter of an hour and UTC day';

-- By what has many values. A cube holds the dimensions that its name says and '' in the others:
--   campaign_device   source, funnel_stage, event_type, campaign_id, device
--   campaign_country  source, funnel_stage, event_type, campaign_id, country
--   country_device    source, funnel_stage, event_type, country, device
--   campaign_revenue  source, campaign_id, currency                              of revenue events
--   revenue           all of them                                                of revenue events
-- A transaction would change thousands of rows that others change as well. It adds rows to cube_deltas instead, and
-- merge_cube_deltas() moves them into cube_totals now and then: a report adds up both.

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
) WITH (fillfactor = 80);

COMMENT ON TABLE cube_totals IS
    'Events and revenue by hour and UTC day and by campaign, country and device, but for what is in cube_deltas still';
COMMENT ON COLUMN cube_totals.cube IS
    'Which dimensions it has: campaign_device, campaign_country, country_device, campaign_revenue, revenue';
COMMENT ON COLUMN cube_totals.events IS 'Events; in the cubes of revenue, transactions';
COMMENT ON COLUMN cube_totals.campaign_id IS ''''' = none, or not a dimension of this cube; the same holds for the others';

CREATE TABLE cube_deltas (
    bucket       timestamptz NOT NULL,
    events       bigint      NOT NULL,
    cube         text COLLATE "C" NOT NULL,
    source       text COLLATE "C" NOT NULL,
    funnel_stage text COLLATE "C" NOT NULL,
    event_type   text COLLATE "C" NOT NULL,
    campaign_id  text COLLATE "C" NOT NULL,
    country      text COLLATE "C" NOT NULL,
    device       text COLLATE "C" NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    amount       numeric     NOT NULL
);

COMMENT ON TABLE cube_deltas IS
    'What transactions added to the hours of cube_totals since merge_cube_deltas() ran; only ever inserted and deleted';

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
    FROM cube_deltas;

COMMENT ON VIEW cube_cells IS 'cube_totals as they stand: with cube_deltas. A cell may have several rows: add them up';

CREATE FUNCTION merge_cube_deltas() RETURNS bigint
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
    ), cells AS (
        SELECT 60::smallint AS grain, * FROM hours
        UNION ALL
        SELECT 1440::smallint, cube, date_bin('1 day', bucket, 'epoch') AS day, campaign_id, country, event_type, device,
               currency, source, funnel_stage, sum(events)::bigint, sum(amount)
        FROM hours
        GROUP BY cube, day, campaign_id, country, event_type, device, currency, source, funnel_stage
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

COMMENT ON FUNCTION merge_cube_deltas() IS
    'Moves what is committed in cube_deltas into cube_totals; says how many rows. Does nothing while another one is at it';

-- Who. Users of a source have numbers, and sets of users are bitmaps: bit n of chunk c is user c * 8192 + n.

CREATE TABLE user_numbers (
    next_no integer NOT NULL,
    source  text COLLATE "C" NOT NULL PRIMARY KEY
);

COMMENT ON TABLE user_numbers IS 'The first number of user_demographics.user_no that is not given out yet';

ALTER TABLE user_demographics
    ADD COLUMN user_no  integer,
    ADD COLUMN relist   boolean NOT NULL DEFAULT true,
    ADD COLUMN listed   text[];

COMMENT ON COLUMN user_demographics.user_no IS
    'Its number in bitmaps; unique in its source, not without gaps, never changed. NULL only when an older version stored the user';
COMMENT ON COLUMN user_demographics.relist IS
    'user_attributes has the user under other values than those of the row: relist_users() brings it up to date';
COMMENT ON COLUMN user_demographics.listed IS
    'While relist: the demographic_values() under which user_attributes has the user, NULL = under none; else NULL';

CREATE TABLE user_activity (
    bucket       timestamptz NOT NULL,
    chunk        integer     NOT NULL,
    grain        smallint    NOT NULL CHECK (grain IN (60, 1440)),
    source       text COLLATE "C" NOT NULL,
    funnel_stage text COLLATE "C" NOT NULL,
    users        bit(8192)   NOT NULL,
    PRIMARY KEY (grain, bucket, source, funnel_stage, chunk)
) WITH (fillfactor = 60);

ALTER TABLE user_activity ALTER COLUMN users SET STORAGE PLAIN; -- it fits the row, and is read far more often than it is rare

COMMENT ON TABLE user_activity IS 'Which users had an event of a stage, by hour and UTC day';

CREATE TABLE user_attributes (
    chunk     integer   NOT NULL,
    source    text COLLATE "C" NOT NULL,
    attribute text COLLATE "C" NOT NULL,
    value     text COLLATE "C" NOT NULL,
    users     bit(8192) NOT NULL,
    PRIMARY KEY (source, attribute, value, chunk)
) WITH (fillfactor = 70, toast_tuple_target = 128);

-- Most sets of a value that few users have are nearly empty: they are compressed.
ALTER TABLE user_attributes ALTER COLUMN users SET STORAGE MAIN;

COMMENT ON TABLE user_attributes IS
    'Which users have which value of age_group, gender, location (facebook), follower_range, country (tiktok) now';

CREATE FUNCTION no_users() RETURNS bit
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT repeat('0', 8192)::bit(8192) $$;

COMMENT ON FUNCTION no_users() IS 'The empty set';

CREATE FUNCTION demographic_values(source text, age double precision, gender text, country text, city text,
                                   followers bigint) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE source
    WHEN 'facebook' THEN ARRAY[
        'age_group', CASE WHEN age IS NULL THEN 'unknown' WHEN age < 18 THEN 'under_18' WHEN age < 25 THEN '18_24'
                          WHEN age < 35 THEN '25_34' WHEN age < 45 THEN '35_44' WHEN age < 55 THEN '45_54'
                          ELSE '55_plus' END,
        'gender', coalesce(gender, 'unknown'),
        'location', city || ', ' || country]
    ELSE ARRAY[
        'follower_range', CASE WHEN followers IS NULL THEN 'unknown' WHEN followers < 1000 THEN 'under_1k'
                               WHEN followers < 10000 THEN '1k_10k' WHEN followers < 100000 THEN '10k_100k'
                               WHEN followers < 1000000 THEN '100k_1m' ELSE '1m_plus' END,
        'country', country]
    END
$$;

COMMENT ON FUNCTION demographic_values(text, double precision, text, text, text, bigint) IS
    'What the report of demographics counts a user under: attribute, value, attribute, value, ...; a value may be NULL';

CREATE TYPE attribute_change AS (
    chunk integer, source text COLLATE "C", attribute text COLLATE "C", value text COLLATE "C",
    joined bit(8192), gone bit(8192)
);

COMMENT ON TYPE attribute_change IS 'What relist_users() does to a row of user_attributes';

CREATE FUNCTION relist_users(sources text[], user_ids text[], joins attribute_change[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    changes attribute_change[];
BEGIN
    -- The caller's transaction holds the users' rows: nobody else lists them now.
    WITH users AS (
        SELECT u.source, u.user_id, u.user_no, u.listed AS was,
               demographic_values(u.source, u.age, u.gender, u.country, u.city, u.followers) AS now
        FROM unnest(sources, user_ids) AS x (source, user_id)
        JOIN user_demographics u USING (source, user_id)
        WHERE u.user_no IS NOT NULL
    ), marked AS (
        UPDATE user_demographics u SET listed = NULL, relist = false
        FROM users WHERE (u.source, u.user_id) = (users.source, users.user_id)
        RETURNING users.*
    ), moves AS (
        SELECT source, user_no, now[i] AS attribute, now[i + 1] AS value, true AS joins
        FROM marked, generate_series(1, array_length(now, 1), 2) AS i
        WHERE now[i + 1] IS NOT NULL AND now[i + 1] IS DISTINCT FROM was[i + 1]
        UNION ALL
        SELECT source, user_no, was[i], was[i + 1], false
        FROM marked, generate_series(1, array_length(was, 1), 2) AS i
        WHERE was[i + 1] IS NOT NULL AND was[i + 1] IS DISTINCT FROM now[i + 1]
    ), changed AS (
        SELECT chunk, source, attribute, value, bit_or(joined) AS joined, bit_or(gone) AS gone
        FROM (SELECT * FROM unnest(joins)
              UNION ALL
              SELECT user_no >> 13, source, attribute, value,
                     CASE WHEN m.joins THEN set_bit(no_users(), user_no & 8191, 1) ELSE no_users() END,
                     CASE WHEN m.joins THEN no_users() ELSE set_bit(no_users(), user_no & 8191, 1) END
              FROM moves m) x
        GROUP BY 1, 2, 3, 4
    )
    SELECT array_agg(ROW(changed.*)::attribute_change) INTO changes FROM changed;

    -- All rows that are there are locked in the order of their keys before one is added, so that two writers never
    -- wait for each other.
    PERFORM FROM user_attributes a
    WHERE (a.source, a.attribute, a.value, a.chunk) IN
          (SELECT source, attribute, value, chunk FROM unnest(changes))
    ORDER BY a.source, a.attribute, a.value, a.chunk FOR UPDATE;
    INSERT INTO user_attributes AS a (chunk, source, attribute, value, users)
    SELECT chunk, source, attribute, value, joined FROM unnest(changes) WHERE joined <> no_users()
    ORDER BY source, attribute, value, chunk
    ON CONFLICT (source, attribute, value, chunk) DO UPDATE SET users = a.users | excluded.users;
    UPDATE user_attributes a SET users = a.users & ~c.gone
    FROM unnest(changes) AS c
    WHERE c.gone <> no_users()
      AND (c.source, c.attribute, c.value, c.chunk) = (a.source, a.attribute, a.value, a.chunk);
END
$$;

COMMENT ON FUNCTION relist_users(text[], text[], attribute_change[]) IS
    'Brings user_attributes up to date for users whose rows this transaction has written or locked; joins: for users besides, whom the caller has inserted, what is to be set';

-- What became of a request, and how far the streams are stored.

CREATE TABLE request_outcomes (
    received_at    timestamptz NOT NULL,
    processed_at   timestamptz NOT NULL DEFAULT now(),
    seq            bigint      NOT NULL,
    stored_at      bigint      NOT NULL,
    events         integer     NOT NULL,
    stored         integer     NOT NULL,
    duplicates     integer     NOT NULL,
    conflicts      integer     NOT NULL,
    dead           integer     NOT NULL,
    expired        integer     NOT NULL,
    accepted       integer,
    rejected       integer,
    stream         text COLLATE "C" NOT NULL,
    correlation_id text COLLATE "C" NOT NULL
);

CREATE INDEX request_outcomes_correlation_idx ON request_outcomes (correlation_id);
CREATE INDEX request_outcomes_processed_idx ON request_outcomes (processed_at);

COMMENT ON TABLE request_outcomes IS
    'One row per run of a JetStream message (the events that one request put into it), written with them; kept for seven days';
COMMENT ON COLUMN request_outcomes.received_at IS 'When the gateway took the request in: with the correlation id it tells requests apart';
COMMENT ON COLUMN request_outcomes.accepted IS 'Valid events of the whole request, in this and other messages; NULL = the gateway did not say';
COMMENT ON COLUMN request_outcomes.rejected IS 'Events of the whole request that the gateway rejected; NULL = the gateway did not say';

CREATE TABLE stream_progress (
    through timestamptz NOT NULL,
    told_at timestamptz NOT NULL DEFAULT now(),
    stream  text COLLATE "C" NOT NULL PRIMARY KEY
);

COMMENT ON TABLE stream_progress IS
    'All messages that the stream stored before `through`, in its own time, are in the tables; written by collectors, never moved back';

-- Reporters keep what they have read of a day for as long as its counts stay the same. Who mends a rollup moves the epoch
-- in the same transaction, so that they read it again.

CREATE TABLE rollup_state (
    epoch    bigint  NOT NULL,
    only_row boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (only_row)
);

INSERT INTO rollup_state (epoch) VALUES (0);

COMMENT ON TABLE rollup_state IS 'One row: what reporters compare before they trust what they kept';
COMMENT ON COLUMN rollup_state.epoch IS 'Goes up when rollups change other than by the events that are stored';

-- Recounts from the events: what the rollups of a UTC day must be. They fill, verify and mend them.

CREATE VIEW event_facts AS
    SELECT e.timestamp, e.event_key, e.source, e.funnel_stage, e.event_type, e.user_id,
           coalesce(e.campaign_id, '') COLLATE "C" AS campaign_id,
           coalesce(e.data #>> CASE e.source WHEN 'facebook' THEN '{data,user,location,country}'::text[]
                                             ELSE '{data,engagement,country}'::text[] END, '') COLLATE "C" AS country,
           coalesce(e.data #>> '{data,engagement,device}', '') COLLATE "C" AS device
    FROM processed_events e;

COMMENT ON VIEW event_facts IS 'Events with the dimensions that reports know';

CREATE FUNCTION utc_day(day date) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT day::timestamp AT TIME ZONE 'UTC' $$;

CREATE FUNCTION recount_event_counts(day date) RETURNS SETOF event_counts
LANGUAGE sql STABLE AS $$
    SELECT date_bin(make_interval(mins => grain), timestamp, 'epoch'), min(timestamp), max(timestamp), count(*),
           grain::smallint, source, funnel_stage, event_type
    FROM processed_events, unnest(ARRAY[1, 15, 1440]) AS grain
    WHERE timestamp >= utc_day(day) AND timestamp < utc_day(day + 1)
    GROUP BY 1, grain, source, funnel_stage, event_type
$$;

CREATE FUNCTION recount_revenue_totals(day date) RETURNS SETOF revenue_totals
LANGUAGE sql STABLE AS $$
    SELECT date_bin(make_interval(mins => grain), timestamp, 'epoch'), min(timestamp), max(timestamp), count(*),
           grain::smallint, source, currency, sum(amount)
    FROM revenue_transactions, unnest(ARRAY[1, 15, 1440]) AS grain
    WHERE timestamp >= utc_day(day) AND timestamp < utc_day(day + 1)
    GROUP BY 1, grain, source, currency
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
    )
    SELECT date_bin(make_interval(mins => grain), hour, 'epoch'), sum(events)::bigint, grain::smallint, cube, source,
           funnel_stage, event_type, campaign_id, country, device, currency, sum(amount)
    FROM cells, unnest(ARRAY[60, 1440]) AS grain
    GROUP BY 1, grain, cube, source, funnel_stage, event_type, campaign_id, country, device, currency
$$;

CREATE FUNCTION recount_user_activity(day date) RETURNS SETOF user_activity
LANGUAGE sql STABLE AS $$
    SELECT date_bin(make_interval(mins => grain), e.timestamp, 'epoch'), u.user_no >> 13, grain::smallint, e.source,
           e.funnel_stage, bit_or(set_bit(no_users(), u.user_no & 8191, 1))
    FROM processed_events e
    JOIN user_demographics u ON u.source = e.source AND u.user_id = e.user_id,
         unnest(ARRAY[60, 1440]) AS grain
    WHERE e.timestamp >= utc_day(day) AND e.timestamp < utc_day(day + 1)
    GROUP BY 1, 2, grain, e.source, e.funnel_stage
$$;

COMMENT ON FUNCTION recount_event_counts(date) IS 'What event_counts must hold of a UTC day';
COMMENT ON FUNCTION recount_revenue_totals(date) IS 'What revenue_totals must hold of a UTC day';
COMMENT ON FUNCTION recount_cube_totals(date) IS 'What cube_cells must come to for a UTC day';
COMMENT ON FUNCTION recount_user_activity(date) IS 'What user_activity must hold of a UTC day';

-- What is stored already.

UPDATE user_demographics u SET user_no = n.no
FROM (SELECT source, user_id, row_number() OVER (PARTITION BY source ORDER BY user_id) - 1 AS no
      FROM user_demographics) n
WHERE (u.source, u.user_id) = (n.source, n.user_id);

INSERT INTO user_numbers (source, next_no) SELECT source, max(user_no) + 1 FROM user_demographics GROUP BY source;

DO $$
DECLARE
    day date;
BEGIN
    FOR day IN SELECT to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD')
               FROM pg_inherits WHERE inhparent = 'processed_events'::regclass LOOP
        INSERT INTO event_counts SELECT * FROM recount_event_counts(day);
        INSERT INTO revenue_totals SELECT * FROM recount_revenue_totals(day);
        INSERT INTO cube_totals SELECT * FROM recount_cube_totals(day);
        INSERT INTO user_activity SELECT * FROM recount_user_activity(day);
    END LOOP;
    PERFORM relist_users(array_agg(source), array_agg(user_id)) FROM user_demographics;
END
$$;

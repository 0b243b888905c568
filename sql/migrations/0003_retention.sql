-- Retention: what is dropped when it has become old, and what stays known of it.

CREATE TABLE retention (
    retained_from   timestamptz NOT NULL DEFAULT '-infinity'
        CONSTRAINT retained_from_is_a_utc_midnight CHECK ((retained_from AT TIME ZONE 'UTC')::time = '00:00'),
    moved_at        timestamptz,
    revenue_deleted bigint      NOT NULL DEFAULT 0,
    keys_deleted    bigint      NOT NULL DEFAULT 0,
    keys_swept_on   date,
    moved_by        text,
    only_row        boolean     NOT NULL DEFAULT true PRIMARY KEY CHECK (only_row)
);

INSERT INTO retention DEFAULT VALUES;

COMMENT ON TABLE retention IS
    'One row: the boundary behind which no event is kept, and what was deleted besides events (those are counted in dropped_events).';
COMMENT ON COLUMN retention.retained_from IS
    'A UTC midnight, or -infinity while everything is kept. An event older than it is never stored and no report counts it. Only ever moves forward: move_retained_from()';
COMMENT ON COLUMN retention.moved_at IS 'When it moved last';
COMMENT ON COLUMN retention.moved_by IS 'The collector that moved it: its instance, as in its metrics';
COMMENT ON COLUMN retention.revenue_deleted IS 'Rows deleted from revenue_transactions';
COMMENT ON COLUMN retention.keys_deleted IS 'Rows deleted from event_keys';
COMMENT ON COLUMN retention.keys_swept_on IS
    'UTC day on which event_keys was last searched from end to end; NULL: to be done';

CREATE TABLE dropped_events (
    dropped_at timestamptz NOT NULL DEFAULT now(),
    events     bigint      NOT NULL,
    event_day  date        NOT NULL,
    source     text COLLATE "C" NOT NULL,
    PRIMARY KEY (event_day, source)
);

COMMENT ON TABLE dropped_events IS
    'One row per day and source whose events were dropped, written in the transaction that dropped their partition: drop_events_table()';
COMMENT ON COLUMN dropped_events.event_day IS 'UTC day of the events'' timestamps';
COMMENT ON COLUMN dropped_events.events IS 'Rows that processed_events held of it';

CREATE TABLE ledger_totals (
    messages     bigint      NOT NULL,
    events       bigint      NOT NULL,
    stored       bigint      NOT NULL,
    duplicates   bigint      NOT NULL,
    conflicts    bigint      NOT NULL,
    dead         bigint      NOT NULL,
    expired      bigint      NOT NULL,
    through_seq  bigint      NOT NULL,
    through_time bigint      NOT NULL,
    pruned_at    timestamptz NOT NULL DEFAULT now(),
    stream       text COLLATE "C" NOT NULL PRIMARY KEY
);

COMMENT ON TABLE ledger_totals IS
    'Per stream the sums of the ledger''s rows that were pruned, each added in the transaction that deleted it: ledger and ledger_totals together count every message ever stored.';
COMMENT ON COLUMN ledger_totals.messages IS 'Rows pruned';
COMMENT ON COLUMN ledger_totals.through_seq IS 'seq of the pruned row with the highest stored_at';
COMMENT ON COLUMN ledger_totals.through_time IS 'Highest stored_at of a pruned row';
COMMENT ON COLUMN ledger_totals.pruned_at IS 'When rows were pruned last';

-- The boundary and who heeds it. Who stores events holds its lock shared for as long as it writes;
-- who moves it takes the lock alone: from its commit on nothing behind the boundary is being stored.
-- The functions are VOLATILE, so that what they read after the lock is what stands then.

CREATE FUNCTION hold_retained_from() RETURNS timestamptz
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('sluice.retention', 0));
    RETURN (SELECT retained_from FROM retention);
END
$$;

COMMENT ON FUNCTION hold_retained_from() IS
    'The boundary, which stays as it is until the end of the transaction. Call it before an event is stored.';

CREATE FUNCTION move_retained_from(days integer, mover text) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    wanted timestamptz := (date_trunc('day', now() AT TIME ZONE 'UTC') - days * interval '1 day') AT TIME ZONE 'UTC';
BEGIN
    IF EXISTS (SELECT FROM retention WHERE retained_from >= wanted) THEN
        RETURN false; -- without keeping a writer waiting
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('sluice.retention', 0));
    UPDATE retention SET retained_from = wanted, moved_at = now(), moved_by = mover, keys_swept_on = NULL
    WHERE retained_from < wanted;
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION move_retained_from(integer, text) IS
    'Moves the boundary to the UTC midnight so many days ago; says whether it moved. Call it in a transaction of its own.';

CREATE FUNCTION drop_events_table(dropped regclass) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    day date := to_date(right((SELECT relname FROM pg_class WHERE oid = dropped), 8), 'YYYYMMDD');
    counted bigint;
BEGIN
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = dropped) THEN
        RAISE EXCEPTION '% is a partition still: detach it first', dropped;
    END IF;
    IF NOT EXISTS (SELECT FROM retention WHERE retained_from >= (day + 1)::timestamp AT TIME ZONE 'UTC') THEN
        RAISE EXCEPTION '% holds events that are retained', dropped;
    END IF;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', dropped);
    EXECUTE format(
        'WITH counts AS (SELECT source, count(*) AS n FROM %s GROUP BY source), noted AS ('
        ' INSERT INTO dropped_events AS d (event_day, source, events) SELECT %L, source, n FROM counts'
        ' ON CONFLICT (event_day, source) DO UPDATE SET events = d.events + excluded.events, dropped_at = now())'
        ' SELECT coalesce(sum(n), 0) FROM counts', dropped, day) INTO counted;
    EXECUTE format('DROP TABLE %s', dropped);
    RETURN counted;
END
$$;

COMMENT ON FUNCTION drop_events_table(regclass) IS
    'Drops a detached partition of processed_events that lies behind the boundary, and counts its rows into dropped_events.';

CREATE OR REPLACE FUNCTION ensure_events_partition(day date) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    partition_name text := 'processed_events_' || to_char(day, 'YYYYMMDD');
BEGIN
    -- One maker at a time, or two of them meet in CREATE TABLE and one fails.
    PERFORM pg_advisory_xact_lock(hashtextextended('sluice.partitions', 0));
    -- Events of such a day are expired: it must not come back.
    IF EXISTS (SELECT FROM retention WHERE retained_from > day::timestamp AT TIME ZONE 'UTC') THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM pg_inherits
               WHERE inhparent = 'processed_events'::regclass
                 AND inhrelid = to_regclass(quote_ident(partition_name))) THEN
        RETURN;
    END IF;
    -- LIKE and ATTACH instead of PARTITION OF: writers need not stop for it.
    EXECUTE format('CREATE TABLE %I (LIKE processed_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS '
                   'INCLUDING INDEXES INCLUDING STORAGE INCLUDING COMPRESSION)', partition_name);
    EXECUTE format('ALTER TABLE processed_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   partition_name, day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00');
END
$$;

COMMENT ON FUNCTION ensure_events_partition(date) IS
    'Makes the partition of processed_events for a UTC day if there is none, unless the day lies behind what is retained. Call it outside of a transaction that writes events.';

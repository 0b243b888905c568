-- Tables that only grow are not vacuumed for their new rows: PostgreSQL would read and write each day again and
-- again while it fills (a fifth of it new each time), for a visibility map that no query of ours uses. What vacuum is
-- needed for still happens: deleted keys are reclaimed, and old rows are frozen when their time comes.

ALTER TABLE event_keys SET (autovacuum_vacuum_insert_threshold = -1);
ALTER TABLE revenue_transactions SET (autovacuum_vacuum_insert_threshold = -1);

DO $$
DECLARE
    events_table regclass;
BEGIN
    FOR events_table IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'processed_events'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_insert_threshold = -1)', events_table);
    END LOOP;
END
$$;

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
                   'INCLUDING INDEXES INCLUDING STORAGE INCLUDING COMPRESSION) '
                   'WITH (autovacuum_vacuum_insert_threshold = -1)', partition_name);
    EXECUTE format('ALTER TABLE processed_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   partition_name, day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00');
END
$$;

-- `sluice migrate --citus`: distributes the tables that grow with the events over the nodes of a Citus cluster.
--
-- Events, their keys and their revenue lie together, by the event's key: the only unique constraint that
-- counts, the primary key of event_keys, holds the column, and what belongs to one event is on one node.
-- The rest stays on the coordinator: it is small beside the events (ledger, user_demographics), or a single
-- row that every transaction reads and locks (retention). Users could be distributed by their id, but then
-- the joins of users with events, which lie by another column, are among those that Citus does not do.
-- So do the rollups, bitmaps of users and outcomes of requests: they grow with time and not with the events,
-- and every transaction adds to rows that others add to as well.

DO $$
DECLARE
    wanted record;
BEGIN
    IF to_regproc('create_distributed_table') IS NULL THEN
        RAISE EXCEPTION 'the extension citus is not in this database; on the coordinator CREATE EXTENSION citus, '
            'add the workers with citus_add_node(), then run this again';
    END IF;
    FOR wanted IN
        SELECT * FROM (VALUES
            (1, 'event_keys',           'event_key', 'none'),
            (2, 'processed_events',     'event_key', 'event_keys'),
            (3, 'revenue_transactions', 'event_key', 'event_keys')
        ) AS v (place, table_name, by_column, beside) ORDER BY place
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_dist_partition
                              WHERE logicalrelid = wanted.table_name::regclass AND partmethod = 'h');
        PERFORM create_distributed_table(wanted.table_name::regclass, wanted.by_column,
                                         colocate_with => wanted.beside);
    END LOOP;
END
$$;

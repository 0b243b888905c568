-- In place of Citus, which Debian does not package: its functions by name, which hold a table against the rules
-- that Citus documents and record what they were asked for. Nothing is distributed.

CREATE TABLE pg_dist_partition (
    logicalrelid regclass PRIMARY KEY,
    partmethod   "char" NOT NULL,
    column_name  text NOT NULL,
    column_type  regtype NOT NULL,
    colocationid int NOT NULL
);
CREATE SEQUENCE colocation_groups;

CREATE FUNCTION create_distributed_table(
    table_name regclass, distribution_column text, distribution_type text DEFAULT 'hash',
    colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    kind "char" := (SELECT relkind FROM pg_class WHERE oid = table_name);
    col pg_attribute;
    culprits text;
    beside pg_dist_partition;
BEGIN
    IF kind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '% is not a regular or partitioned table', table_name;
    END IF;
    IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = table_name) THEN
        RAISE EXCEPTION 'table % is already distributed', table_name;
    END IF;
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = table_name) THEN
        RAISE EXCEPTION '% is a partition: its parent is distributed', table_name;
    END IF;
    SELECT * INTO col FROM pg_attribute
    WHERE attrelid = table_name AND attname = distribution_column AND attnum > 0 AND NOT attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column % of % does not exist', distribution_column, table_name;
    END IF;
    IF col.attgenerated <> '' THEN
        RAISE EXCEPTION 'column % of % is generated', distribution_column, table_name;
    END IF;
    -- of the table and of every partition: unique and exclusion constraints hold the column
    SELECT string_agg(i.indexrelid::regclass::text, ', ') INTO culprits
    FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = distribution_column
    WHERE (i.indrelid = table_name OR i.indrelid IN (SELECT relid FROM pg_partition_tree(table_name))) AND (i.indisunique OR i.indisexclusion) AND NOT a.attnum = ANY (i.indkey::int2[]);
    IF culprits IS NOT NULL THEN
        RAISE EXCEPTION 'cannot create constraint on %: unique constraints must contain the distribution column %: %',
            table_name, distribution_column, culprits;
    END IF;
    IF EXISTS (SELECT FROM pg_partition_tree(table_name) WHERE level > 1) THEN
        RAISE EXCEPTION 'distributing multi-level partitioned tables is not supported: %', table_name;
    END IF;
    IF EXISTS (SELECT FROM pg_constraint
               WHERE contype = 'f' AND table_name IN (conrelid, confrelid)) THEN
        RAISE EXCEPTION 'foreign keys of % must lie within its colocation group and hold the column', table_name;
    END IF;
    IF EXISTS (SELECT FROM pg_rewrite WHERE ev_class = table_name)
       OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name AND NOT tgisinternal) THEN
        RAISE EXCEPTION 'rules and triggers of distributed tables are not supported: %', table_name;
    END IF;
    IF colocate_with NOT IN ('default', 'none') THEN
        SELECT * INTO beside FROM pg_dist_partition WHERE logicalrelid = colocate_with::regclass;
        IF NOT FOUND THEN
            RAISE EXCEPTION '% is not distributed', colocate_with;
        END IF;
        IF beside.column_type <> col.atttypid THEN
            RAISE EXCEPTION 'cannot colocate % and %: their distribution columns are of different types',
                table_name, colocate_with;
        END IF;
    END IF;
    INSERT INTO pg_dist_partition
    VALUES (table_name, 'h', distribution_column, col.atttypid,
            coalesce(beside.colocationid, nextval('colocation_groups')::int));
END
$$;

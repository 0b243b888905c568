-- The schema of Sluice. Every table says for itself what it holds (COMMENT ON, shown by \d+ in psql).
--
-- Fixed-width columns come first and wide ones first among them, so that no row carries padding. There
-- is no index that no query or constraint uses: each one costs every event that is stored. Texts that name
-- things compare as bytes (COLLATE "C"): faster, and no change of a system's collations breaks an index.

-- The register of event keys: who was stored.

CREATE TABLE event_keys (
    event_key  uuid   NOT NULL PRIMARY KEY,
    digest     bigint NOT NULL,
    event_day  date   NOT NULL,
    stored_day date   NOT NULL
);

COMMENT ON TABLE event_keys IS
    'One row per event ever stored. Its primary key is the only guarantee that nothing is counted twice: a unique constraint on the partitioned processed_events would have to contain the timestamp.';
COMMENT ON COLUMN event_keys.event_key IS
    'The first 128 bits of SHA-256 over (source, 0x00, eventId)';
COMMENT ON COLUMN event_keys.digest IS
    'Digest of the payload without white space: the same key with another digest is a conflict';
COMMENT ON COLUMN event_keys.event_day IS 'UTC day of the event''s timestamp: its partition';
COMMENT ON COLUMN event_keys.stored_day IS
    'UTC day on which it was stored: keys outlive their day by the stream''s replay window';

-- The events, in partitions of one UTC day each.

CREATE TABLE processed_events (
    event_key      uuid        NOT NULL,
    timestamp      timestamptz NOT NULL,
    received_at    timestamptz NOT NULL,
    processed_at   timestamptz NOT NULL DEFAULT now(),
    event_id       text COLLATE "C" NOT NULL,
    source         text COLLATE "C" NOT NULL,
    funnel_stage   text COLLATE "C" NOT NULL,
    event_type     text COLLATE "C" NOT NULL,
    user_id        text COLLATE "C" NOT NULL,
    campaign_id    text COLLATE "C",
    correlation_id text COLLATE "C" NOT NULL,
    data           json        NOT NULL
) PARTITION BY RANGE (timestamp);

-- A report's range seldom ends at midnight; this finds the pages of the part of a day.
CREATE INDEX processed_events_timestamp_brin ON processed_events
    USING brin (timestamp) WITH (pages_per_range = 32);

COMMENT ON TABLE processed_events IS
    'Every stored event. Partitions processed_events_YYYYMMDD (UTC days) are made on demand by ensure_events_partition(); there is no default partition. Unique by way of event_keys.';
COMMENT ON COLUMN processed_events.event_key IS 'Key in event_keys';
COMMENT ON COLUMN processed_events.timestamp IS 'When it happened, as the publisher says';
COMMENT ON COLUMN processed_events.received_at IS 'When the gateway took it in';
COMMENT ON COLUMN processed_events.processed_at IS 'Start of the transaction that stored it';
COMMENT ON COLUMN processed_events.event_id IS 'eventId: unique within its source';
COMMENT ON COLUMN processed_events.campaign_id IS 'data.engagement.campaignId; NULL when missing or empty';
COMMENT ON COLUMN processed_events.correlation_id IS 'X-Correlation-Id of the request that brought it';
COMMENT ON COLUMN processed_events.data IS
    'The whole event as it came, byte for byte (raw line feeds between tokens are spaces)';

CREATE FUNCTION ensure_events_partition(day date) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    partition_name text := 'processed_events_' || to_char(day, 'YYYYMMDD');
BEGIN
    -- One maker at a time, or two of them meet in CREATE TABLE and one fails.
    PERFORM pg_advisory_xact_lock(hashtextextended('sluice.partitions', 0));
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
    'Makes the partition of processed_events for a UTC day if there is none. Call it outside of a transaction that writes events.';

-- The ledger: which messages of the bus were stored.

CREATE TABLE ledger (
    seq          bigint      NOT NULL,
    stored_at    bigint      NOT NULL,
    processed_at timestamptz NOT NULL DEFAULT now(),
    events       integer     NOT NULL,
    stored       integer     NOT NULL,
    duplicates   integer     NOT NULL,
    conflicts    integer     NOT NULL,
    dead         integer     NOT NULL,
    expired      integer     NOT NULL,
    stream       text COLLATE "C" NOT NULL,
    PRIMARY KEY (stream, seq, stored_at)
);

COMMENT ON TABLE ledger IS
    'One row per JetStream message, written in the transaction that stored its events. events = stored + duplicates + dead + expired.';
COMMENT ON COLUMN ledger.seq IS 'Sequence in the stream; comes again when a stream is recreated';
COMMENT ON COLUMN ledger.stored_at IS
    'The stream''s own timestamp of the message, nanoseconds since 1970: with stream and seq it names the message for ever';
COMMENT ON COLUMN ledger.processed_at IS 'Start of the transaction that stored it';
COMMENT ON COLUMN ledger.events IS 'Events the message holds';
COMMENT ON COLUMN ledger.stored IS 'Events of it that were new';
COMMENT ON COLUMN ledger.duplicates IS 'Events of it whose key was there already';
COMMENT ON COLUMN ledger.conflicts IS 'Of the duplicates, those with another payload than the stored event';
COMMENT ON COLUMN ledger.dead IS 'Events of it that went to the dead-letter stream';
COMMENT ON COLUMN ledger.expired IS 'Events of it older than what is retained';

-- What reports ask for besides the events.

CREATE TABLE revenue_transactions (
    event_key   uuid           NOT NULL,
    timestamp   timestamptz    NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    source      text COLLATE "C" NOT NULL,
    event_type  text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    campaign_id text COLLATE "C",
    currency    text COLLATE "C" NOT NULL,
    amount      numeric(17, 2) NOT NULL,
    CONSTRAINT revenue_amount_not_negative CHECK (amount >= 0)
);

CREATE INDEX revenue_transactions_timestamp_idx ON revenue_transactions (timestamp);

COMMENT ON TABLE revenue_transactions IS
    'One row per revenue event: checkout.complete, purchase, or any event with a purchaseAmount. Unique by way of event_keys.';
COMMENT ON COLUMN revenue_transactions.event_key IS 'Key of the event in event_keys and processed_events';
COMMENT ON COLUMN revenue_transactions.campaign_id IS 'NULL when missing or empty; reported as unknown';
COMMENT ON COLUMN revenue_transactions.currency IS 'ISO 4217; USD when the event names none';
COMMENT ON COLUMN revenue_transactions.amount IS 'purchaseAmount; 0 when the event has none';

CREATE TABLE user_demographics (
    attributes_key uuid        NOT NULL,
    country_key    uuid,
    first_seen_at  timestamptz NOT NULL,
    last_seen_at   timestamptz NOT NULL,
    attributes_at  timestamptz NOT NULL,
    country_at     timestamptz,
    age            double precision,
    followers      bigint,
    source         text COLLATE "C" NOT NULL,
    user_id        text COLLATE "C" NOT NULL,
    name           text,
    gender         text,
    country        text,
    city           text,
    PRIMARY KEY (source, user_id)
) WITH (fillfactor = 75); -- room for HOT updates: no index holds a column that changes

COMMENT ON TABLE user_demographics IS
    'One row per user of a source with the newest attributes any event gave, whatever order the events came in. Newest is by (timestamp, event key).';
COMMENT ON COLUMN user_demographics.attributes_key IS 'Event that gave name, age, gender, city, followers';
COMMENT ON COLUMN user_demographics.attributes_at IS 'Timestamp of that event';
COMMENT ON COLUMN user_demographics.country_key IS
    'Event that gave the country: it has its own newest, because TikTok events name it only now and then';
COMMENT ON COLUMN user_demographics.country_at IS 'Timestamp of that event';
COMMENT ON COLUMN user_demographics.first_seen_at IS 'Timestamp of the earliest event of the user';
COMMENT ON COLUMN user_demographics.last_seen_at IS 'Timestamp of the latest event of the user';
COMMENT ON COLUMN user_demographics.name IS 'Facebook: name; TikTok: username';
COMMENT ON COLUMN user_demographics.age IS 'Facebook only';
COMMENT ON COLUMN user_demographics.gender IS 'Facebook only';
COMMENT ON COLUMN user_demographics.city IS 'Facebook only';
COMMENT ON COLUMN user_demographics.followers IS 'TikTok only';

-- What the services say of themselves.

CREATE TABLE event_metrics (
    minute   timestamptz      NOT NULL,
    value    double precision NOT NULL,
    service  text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    metric   text COLLATE "C" NOT NULL,
    PRIMARY KEY (minute, service, instance, metric)
);

COMMENT ON TABLE event_metrics IS
    'One row per service instance, metric and minute; written once.';
COMMENT ON COLUMN event_metrics.minute IS 'Start of the minute';
COMMENT ON COLUMN event_metrics.value IS 'Of the counter or gauge at the end of the minute';
COMMENT ON COLUMN event_metrics.instance IS 'Unique per start of a process: host, pid, start time';
COMMENT ON COLUMN event_metrics.metric IS 'Name and labels as Prometheus writes them';

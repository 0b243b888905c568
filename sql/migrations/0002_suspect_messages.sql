-- Messages that a collector is handling with care, because they were delivered again and again.

CREATE TABLE suspect_messages (
    seq       bigint      NOT NULL,
    stored_at bigint      NOT NULL,
    first_at  timestamptz NOT NULL DEFAULT now(),
    attempts  integer     NOT NULL DEFAULT 1,
    stream    text        NOT NULL,
    PRIMARY KEY (stream, seq, stored_at)
);

COMMENT ON TABLE suspect_messages IS
    'One row per JetStream message that is in hand after several deliveries. It is written before the message is touched and deleted after its commit: a row that is found when the message comes again says that a collector died of it, or beside it.';
COMMENT ON COLUMN suspect_messages.seq IS 'Sequence in the stream, as in ledger';
COMMENT ON COLUMN suspect_messages.stored_at IS 'The stream''s timestamp of the message, as in ledger';
COMMENT ON COLUMN suspect_messages.attempts IS
    'Attempts begun and not ended: the first beside other suspects, the others alone in the process. After 1 + 3 the message is dead-lettered.';

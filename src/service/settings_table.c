/* Every setting there is. A new one is a field in struct settings and a row here, in the order of
 * the names; --help, env.example and docs/settings.md follow by themselves. */
#include "service/settings_table.h"

#define ROLES_ALL (~0U)
#define ROLES_STREAMS (ROLE_GATEWAY | ROLES_COLLECTOR | ROLE_INIT | ROLE_STACK)

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define MSEC UINT64_C(1000)
#define SEC (1000 * MSEC)
#define HOUR (3600 * SEC)
#define DAY (24 * HOUR)

const char *const app_env_names[ENV_COUNT] = {
    [ENV_DEVELOPMENT] = "development",
    [ENV_STAGING] = "staging",
    [ENV_PRODUCTION] = "production",
};

static const char *const validation_names[] = { "lenient", "strict" };

/* clang-format off */
#define ROW(name_, type_, field, default_, roles_, help_, ...)                                     \
    { .name = (name_), .type = (type_), .offset = offsetof(struct settings, field),                \
      .default_text = (default_), .roles = (roles_), .help = (help_), __VA_ARGS__ }
#define RANGE(min_, max_) .min = (min_), .max = (max_)
#define WORDS(array) .words = (array), .word_count = ARRAY_SIZE(array)

const struct settings_option settings_options[] = {
    ROW("ACK_TIMEOUT", SETTING_DURATION, ack_timeout_usec, "3s", ROLE_GATEWAY | ROLES_COLLECTOR,
        "how long a publish waits for JetStream's acknowledgement", RANGE(100 * MSEC, 60 * SEC)),
    ROW("ACK_WAIT", SETTING_DURATION, ack_wait_usec, "30s", ROLES_COLLECTOR | ROLE_INIT | ROLE_STACK,
        "after this time without a sign of life JetStream gives a message to another collector",
        RANGE(1 * SEC, 1 * HOUR)),
    ROW("APP_ENV", SETTING_ENUM, app_env, "development", ROLES_ALL,
        "the environment it runs in", WORDS(app_env_names), .alias = "NODE_ENV"),
    ROW("BATCH_MAX_BYTES", SETTING_SIZE, batch_max_bytes, "16M", ROLES_COLLECTOR,
        "the most event bytes of one database transaction", RANGE(64 * KIB, 1 * GIB)),
    ROW("BATCH_MAX_EVENTS", SETTING_U64, batch_max_events, "20000", ROLES_COLLECTOR,
        "the most events of one database transaction", RANGE(1, 1000000)),
    ROW("BODY_MAX_BYTES", SETTING_SIZE, body_max_bytes, "64M", ROLE_GATEWAY,
        "the largest request body, after decompression", RANGE(1 * KIB, 1 * GIB)),
    ROW("BULK_MAX_EVENTS", SETTING_U64, bulk_max_events, "50000", ROLE_GATEWAY,
        "the most events of one request", RANGE(1, 1000000)),
    ROW("CONNECTIONS_MAX", SETTING_U32, connections_max, "10000", ROLES_SERVICE,
        "the most HTTP connections open at once", RANGE(1, 1000000)),
    ROW("CONNECTIONS_PER_ADDRESS_MAX", SETTING_U32, connections_per_address_max, "0", ROLES_SERVICE,
        "the most HTTP connections of one client address; 0: no limit of its own",
        RANGE(0, 1000000)),
    ROW("DATABASE_URL", SETTING_STRING, database_url, "postgresql://127.0.0.1:5432/sluice",
        ROLES_COLLECTOR | ROLE_REPORTER | ROLE_MIGRATE | ROLE_ADMIN | ROLE_STACK,
        "the PostgreSQL database", .flags = OPT_SECRET),
    ROW("DEFAULT_CURRENCY", SETTING_CURRENCY, default_currency, "USD", ROLE_REPORTER | ROLE_ADMIN,
        "the currency of a revenue report that names none"),
    ROW("DLQ_MAX_BYTES", SETTING_SIZE, dlq_max_bytes, "0", ROLES_STREAMS,
        "the size of the dead-letter stream; 0: the smaller of 1 GB and 10 % of the store",
        RANGE(0, UINT64_MAX / 2)),
    ROW("DUPLICATE_WINDOW", SETTING_DURATION, duplicate_window_usec, "2m", ROLES_STREAMS,
        "how long JetStream remembers message ids", RANGE(100 * MSEC, 1 * HOUR)),
    ROW("EVENT_ENDPOINT", SETTING_STRING, event_endpoint, "http://127.0.0.1:3000/webhook/events",
        ROLE_PUBLISHER | ROLE_ADMIN, "where the publisher sends its events"),
    ROW("EVENT_MAX_BYTES", SETTING_SIZE, event_max_bytes, "128K", ROLE_GATEWAY | ROLES_COLLECTOR,
        "the largest single event", RANGE(1 * KIB, 240 * KIB)),
    ROW("HEADER_MAX_BYTES", SETTING_SIZE, header_max_bytes, "32K", ROLES_SERVICE,
        "the memory for the request line and headers of one connection", RANGE(4 * KIB, 1 * MIB)),
    ROW("HOST", SETTING_STRING, host, "127.0.0.1",
        ROLES_SERVICE | ROLE_STACK | ROLE_HEALTH, "the address to listen on"),
    ROW("HTTP_THREADS", SETTING_U32, http_threads, "1", ROLES_SERVICE,
        "threads that serve HTTP", RANGE(1, 64)),
    ROW("IDLE_TIMEOUT", SETTING_DURATION, idle_timeout_usec, "30s", ROLES_SERVICE,
        "a connection on which nothing moves is closed after this time", RANGE(1 * SEC, 1 * HOUR)),
    ROW("INFLIGHT_MAX_BYTES", SETTING_SIZE, inflight_max_bytes, "256M", ROLES_SERVICE,
        "the memory for request bodies at once; beyond it the answer is 503",
        RANGE(1 * MIB, 1024 * GIB)),
    ROW("INFLIGHT_MAX_REQUESTS", SETTING_U32, inflight_max_requests, "10000", ROLES_SERVICE,
        "the most requests that wait for their answer at once; beyond it the answer is 503",
        RANGE(1, 1000000)),
    ROW("LOG_FORMAT", SETTING_ENUM, log_format, "json", ROLES_ALL,
        "the form of log lines", WORDS(log_format_names)),
    ROW("LOG_LEVEL", SETTING_ENUM, log_level, "info", ROLES_ALL,
        "log lines below this level are not written", WORDS(log_level_names)),
    ROW("METRICS_DAYS", SETTING_U32, metrics_days, "30", ROLES_COLLECTOR,
        "samples of metrics in event_metrics that are older than this many days are deleted; 0: all "
        "are kept", RANGE(0, 36500)),
    ROW("NATS_URL", SETTING_STRING, nats_url, "nats://127.0.0.1:4222",
        ROLES_SERVICE | ROLE_INIT | ROLE_ADMIN | ROLE_STACK, "the NATS server with JetStream"),
    ROW("PORT", SETTING_U32, port, "0", ROLES_SERVICE | ROLE_STACK | ROLE_HEALTH,
        "the HTTP port; 0: the role's own (gateway 3000, fb-collector 3001, ttk-collector 3002, "
        "reporter 3003)", RANGE(0, 65535)),
    ROW("RATE_LIMIT", SETTING_U32, rate_limit, "0", ROLES_SERVICE,
        "the most requests a second of one client address, beyond it the answer is 429; 0: no limit",
        RANGE(0, 1000000)),
    ROW("REPLAY_WINDOW", SETTING_DURATION, replay_window_usec, "7d", ROLES_COLLECTOR,
        "processed messages that are older than this leave their event stream",
        RANGE(1 * SEC, 3650 * DAY)),
    ROW("REPORT_DATABASE_URL", SETTING_STRING, report_database_url, "", ROLE_REPORTER,
        "the database that reports read, a replica perhaps; empty: DATABASE_URL",
        .flags = OPT_SECRET | OPT_OPTIONAL),
    ROW("REPORT_POOL", SETTING_U32, report_pool, "4", ROLE_REPORTER,
        "reports that run at once", RANGE(1, 64)),
    ROW("REPORT_TIMEOUT", SETTING_DURATION, report_timeout_usec, "10s", ROLE_REPORTER,
        "a report that takes longer is given up", RANGE(100 * MSEC, 1 * HOUR)),
    ROW("REQUEST_TIMEOUT", SETTING_DURATION, request_timeout_usec, "30s", ROLES_SERVICE,
        "the time of one request, from its first line to its answer",
        RANGE(100 * MSEC, 1 * HOUR)),
    ROW("RETENTION_DAYS", SETTING_U32, retention_days, "0", ROLES_COLLECTOR,
        "events older than this many days are deleted; 0: all are kept", RANGE(0, 36500)),
    ROW("SHUTDOWN_TIMEOUT", SETTING_DURATION, shutdown_timeout_usec, "25s",
        ROLES_SERVICE | ROLE_STACK, "how long a stopping service finishes what is in flight",
        RANGE(100 * MSEC, 1 * HOUR)),
    ROW("STREAM_MAX_BYTES", SETTING_SIZE, stream_max_bytes, "0", ROLES_STREAMS,
        "the size of each event stream; 0: the smaller of 10 GB and 40 % of the store",
        RANGE(0, UINT64_MAX / 2)),
    ROW("STREAM_REPLICAS", SETTING_U32, stream_replicas, "1", ROLES_STREAMS,
        "copies of each stream in a NATS cluster", RANGE(1, 5)),
    ROW("STREAM_TRIM_PERCENT", SETTING_U32, trim_percent, "70", ROLES_COLLECTOR,
        "an event stream fuller than this percentage of its limit loses its oldest processed "
        "messages",
        RANGE(1, 95)),
    ROW("UPKEEP_INTERVAL", SETTING_DURATION, upkeep_interval_usec, "1m", ROLES_COLLECTOR,
        "how often collectors look for old data to drop", RANGE(100 * MSEC, 1 * DAY)),
    ROW("VALIDATION", SETTING_ENUM, validation, "lenient", ROLE_GATEWAY | ROLES_COLLECTOR,
        "how strictly the engagement part of an event is checked", WORDS(validation_names)),
    ROW("WRITERS", SETTING_U32, writers, "1", ROLES_COLLECTOR,
        "database connections of one collector that write at once", RANGE(1, 32)),
};
/* clang-format on */
const size_t settings_option_count = ARRAY_SIZE(settings_options);

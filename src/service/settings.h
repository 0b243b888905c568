/*
 * Every setting of every role, in one struct and one sorted table (settings_table.c). The table
 * also prints --help, checks values and writes env.example and docs/settings.md. A wrong value is
 * an error at start that names the setting, never a silent default.
 *
 * A setting comes from, first wins: a flag (--log-level=debug or --log-level debug), the
 * environment (LOG_LEVEL), the file .env in the working directory (or --env-file), the default. A
 * role takes the settings that the table names it in; the fields of all others hold their defaults.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/strbuf.h"

enum app_env { ENV_DEVELOPMENT, ENV_STAGING, ENV_PRODUCTION, ENV_COUNT };
extern const char *const app_env_names[ENV_COUNT];

/* Which roles a setting is for: bits of settings_option.roles. */
enum role {
    ROLE_GATEWAY = 1 << 0,
    ROLE_FB_COLLECTOR = 1 << 1,
    ROLE_TTK_COLLECTOR = 1 << 2,
    ROLE_REPORTER = 1 << 3,
    ROLE_PUBLISHER = 1 << 4,
    ROLE_MIGRATE = 1 << 5,
    ROLE_INIT = 1 << 6,
    ROLE_ADMIN = 1 << 7,
    ROLE_STACK = 1 << 8,
    ROLE_HEALTH = 1 << 9,
};
#define ROLES_COLLECTOR (ROLE_FB_COLLECTOR | ROLE_TTK_COLLECTOR)
#define ROLES_SERVICE (ROLE_GATEWAY | ROLES_COLLECTOR | ROLE_REPORTER)

/* The fields stand by role, not by size: there is one of it. */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct settings {
    /* every role */
    int app_env;    /* enum app_env; APP_ENV, or NODE_ENV as the TypeScript system had it */
    int log_level;  /* enum log_level */
    int log_format; /* enum log_format */
    char *nats_url;
    char *database_url;

    /* every service */
    char *host;
    uint32_t port; /* 0 = the role's own: 3000 to 3003 */
    uint64_t shutdown_timeout_usec;
    uint32_t http_threads;
    uint32_t connections_max;
    uint32_t connections_per_address_max; /* 0 = no limit of its own */
    uint32_t inflight_max_requests;
    uint32_t rate_limit; /* requests a second of one client address; 0 = no limit */
    uint64_t header_max_bytes;
    uint64_t idle_timeout_usec;    /* of a connection without a request, or a client that stalls */
    uint64_t request_timeout_usec; /* of one request, from its first byte to its answer */

    /* gateway */
    uint64_t body_max_bytes;
    uint64_t event_max_bytes;
    uint64_t bulk_max_events;
    int validation;              /* 0 lenient, 1 strict: enum event_validation */
    uint64_t inflight_max_bytes; /* request bodies in memory at once */
    uint64_t ack_timeout_usec;

    /* streams: gateway, collectors, init */
    uint64_t stream_max_bytes; /* 0 = the smaller of 10 GB and 40 % of the store */
    uint64_t dlq_max_bytes;    /* 0 = the smaller of 1 GB and 10 % of the store */
    uint32_t stream_replicas;
    uint64_t duplicate_window_usec;

    /* collectors */
    uint32_t writers;          /* database connections that write at once, per process */
    uint64_t batch_max_events; /* of a transaction, under backlog */
    uint64_t batch_max_bytes;
    uint64_t ack_wait_usec;
    uint32_t retention_days; /* 0 = keep all */
    uint32_t metrics_days;   /* 0 = keep all */
    uint64_t replay_window_usec;
    uint32_t trim_percent; /* of a stream's limit */
    uint64_t upkeep_interval_usec;

    /* reporter */
    char *report_database_url; /* a read replica; default DATABASE_URL */
    uint64_t report_timeout_usec;
    uint32_t report_pool; /* reports that run at once */
    char *default_currency;

    /* publisher */
    char *event_endpoint;
};

/* A flag that belongs to one command only and is no setting: --count, --seed ... */
struct settings_flag {
    const char *name;     /* "--count"; the list ends with NULL */
    const char *argument; /* "N" in --help, or NULL for a switch */
    const char *help;
    const char *value; /* filled by settings_load(): the text given (a switch: ""), NULL = not
                          given; borrowed from argv */
};

struct settings_command {
    const char *usage;           /* "sluice publisher [flags]" */
    const char *about;           /* one or two sentences for --help */
    struct settings_flag *flags; /* NULL when it has none of its own */
    bool takes_arguments; /* words without dashes are allowed and left in *ret_argc, argv[] */
};

/* Fills *s for a role from defaults, .env, environment and flags; argv[0] is the subcommand. Words
 * that are no flags are moved to argv[1..*argc-1] when the command takes them, else they are an
 * error. 0: go on. 1: --help was asked for and printed to stdout. <0: *err says which setting is
 * wrong, where it came from and what it takes. Free with settings_release() in every case. Reads
 * the environment: call it before threads run. */
int settings_load(struct settings *s, enum role role, int *argc, char **argv,
                  const struct settings_command *command, struct strbuf *err) MUST_CHECK;
void settings_release(struct settings *s);

/* One log line (info, "settings") with the values in force of the role's settings, secrets masked.
 */
void settings_log(const struct settings *s, enum role role, struct log *log);

/* Writes the table: as an env file with comments, as a Markdown table. The error of *out. */
int settings_print_env_example(struct strbuf *out) MUST_CHECK;
int settings_print_markdown(struct strbuf *out) MUST_CHECK;

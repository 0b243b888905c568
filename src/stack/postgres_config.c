#include "stack/postgres_config.h"

#include <errno.h>
#include <stdio.h>

#include "base/usage.h"
#include "stack/files.h"

#define MIB (UINT64_C(1) << 20)

int postgres_config_include(int dir_fd, const char *cluster)
{
    static const struct span text = SPAN("# What the stack needs, written anew at each start.\n"
                                         "include_if_exists = 'sluice.conf'\n"
                                         "\n"
                                         "# Your own settings go below and win.\n");
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/postgresql.conf", cluster);
    return file_replace(dir_fd, path, text, /* durable= */ true);
}

int postgres_config_write(const struct site *site, int dir_fd, const char *cluster)
{
    const uint64_t memory = memory_limit() / MIB;
    const uint64_t shared = MAX(MIN(memory / 8, UINT64_C(1024)), UINT64_C(64));
    _cleanup_strbuf_ struct strbuf text;
    char path[64];
    int r;

    strbuf_init(&text, 8192);
    (void)strbuf_addf(
        &text,
        "# Written by sluice up at each start; your own settings belong into postgresql.conf.\n"
        "listen_addresses = '127.0.0.1'\n"
        "port = %u\n"
        "unix_socket_directories = ''\n"
        "max_connections = 100\n"
        "max_locks_per_transaction = 512\n" /* a report without bounds locks every day */
        "password_encryption = 'scram-sha-256'\n"
        "shared_buffers = '%lluMB'\n"
        "effective_cache_size = '%lluMB'\n"
        "synchronous_commit = on\n"
        "wal_compression = lz4\n"
        /* The log of a large transaction is on the disk before it commits. */
        "wal_writer_delay = '10ms'\n"
        "max_wal_size = '4GB'\n"
        "checkpoint_timeout = '15min'\n"
        "random_page_cost = 1.1\n"
        "jit = off\n"
        "timezone = 'UTC'\n"
        "log_timezone = 'UTC'\n"
        "log_destination = 'stderr'\n"
        "logging_collector = off\n"
        "log_line_prefix = '%%m [%%p] %%q%%a '\n"
        "log_lock_waits = on\n",
        site->port[PORT_POSTGRES], (unsigned long long)shared,
        (unsigned long long)MAX(memory / 2, shared));
    r = strbuf_error(&text);
    if (r < 0)
        return r;
    (void)snprintf(path, sizeof(path), "%s/sluice.conf", cluster);
    return file_replace(dir_fd, path, strbuf_span(&text), /* durable= */ false);
}

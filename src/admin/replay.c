/* sluice replay: feeds stored messages of the streams through the batch writer again, which brings
 * back what the tables have lost and leaves alone what is right. */
#include <errno.h>
#include <stdio.h>

#include "admin/admin.h"
#include "admin/arguments.h"
#include "admin/replay/replay.h"
#include "admin/servers.h"
#include "base/clock.h"
#include "base/number.h"
#include "service/settings.h"

enum { FLAG_FROM, FLAG_TO, FLAG_SOURCE, FLAG_BATCH, FLAG_YES, FLAG_DATA, FLAG_END };
#define BATCH_EVENTS_MAX 1000000

enum { EXIT_DONE = 0, EXIT_STOPPED = 1, EXIT_NOT_DONE = 2 };

static int take_batch(struct replay *r, const char *text, struct strbuf *err)
{
    if (!text || (parse_u64(span_str(text), &r->batch_max_events) == 0 && r->batch_max_events > 0 &&
                  r->batch_max_events <= BATCH_EVENTS_MAX))
        return 0;
    strbuf_setf(err, "--batch=%s: takes a number from 1 to %d", text, BATCH_EVENTS_MAX);
    return -EINVAL;
}

static int take_flags(struct replay *r, const struct settings_flag *flags, struct strbuf *err)
{
    int64_t now = clock_wall_usec();
    int e;

    r->act = flags[FLAG_YES].value != NULL;
    r->from_usec = INT64_MIN;
    r->to_usec = INT64_MAX;
    r->source = -1;
    e = argument_source(&flags[FLAG_SOURCE], &r->source, err);
    if (e == 0)
        e = argument_time(&flags[FLAG_FROM], now, &r->from_usec, err);
    if (e == 0)
        e = argument_time(&flags[FLAG_TO], now, &r->to_usec, err);
    if (e == 0)
        e = take_batch(r, flags[FLAG_BATCH].value, err);
    if (e == 0 && r->from_usec >= r->to_usec) {
        strbuf_setf(err, "--from must be earlier than --to");
        e = -EINVAL;
    }
    return e;
}

static int load(struct replay *r, struct settings *settings, struct servers *servers, int argc,
                char **argv, struct strbuf *err)
{
    struct settings_flag flags[] = {
        [FLAG_FROM] = { "--from", "TIME",
                        "messages stored at or after it: a time such as "
                        "2026-01-31T12:00:00Z, or how long ago, such as 2h "
                        "(default: all that the stream has)",
                        NULL },
        [FLAG_TO] = { "--to", "TIME", "messages stored before it (default: until now)", NULL },
        [FLAG_SOURCE] = { "--source", "NAME", "only this source (default: all)", NULL },
        [FLAG_BATCH] = { "--batch", "N", "events of one transaction (default: 20000)", NULL },
        [FLAG_YES] = { "--yes", NULL, "do it; without it only what would be gone over is said",
                       NULL },
        [FLAG_DATA] = { "--data", "DIR",
                        "the stack in this data directory (default: the servers "
                        "of the settings, or the stack in var)",
                        NULL },
        [FLAG_END] = { NULL, NULL, NULL, NULL },
    };
    const struct settings_command command = {
        .usage = "sluice replay [--from TIME] [--to TIME] [--source NAME] [--yes]",
        .about = "Stores messages that are in the streams once more: what the tables have lost "
                 "comes back, what is right stays as it is. May run beside the collectors, and "
                 "again: what is done is done.",
        .flags = flags,
    };
    int e = settings_load(settings, ROLE_ADMIN, &argc, argv, &command, err);

    if (e != 0)
        return e;
    r->batch_max_events = settings->batch_max_events;
    r->batch_max_bytes = settings->batch_max_bytes;
    e = take_flags(r, flags, err);
    return e < 0 ? e : servers_find(flags[FLAG_DATA].value, settings, servers, err);
}

static int open_all(struct replay *r, const struct servers *servers, struct log *log,
                    struct strbuf *err)
{
    struct db *db;
    int e = servers_open_bus(servers, "sluice replay", log, &r->bus, err);

    if (e < 0)
        return e;
    r->db = servers_new_db(servers, "sluice replay");
    db = servers_new_db(servers, "sluice replay");
    r->writer = db ? store_writer_new(db) : NULL;
    if (!r->writer)
        (void)db_free(db);
    return r->db && r->writer ? 0 : -ENOMEM;
}

static int run(struct replay *r, struct strbuf *err)
{
    int e = replay_look(r, err);

    if (e != 0)
        return EXIT_NOT_DONE;
    replay_print_look(r);
    if (!r->act) {
        printf("nothing was changed; add --yes to do it\n");
        return EXIT_DONE;
    }
    (void)fflush(stdout);
    e = replay_act(r, err);
    replay_print_done(r);
    if (e == -ECANCELED)
        strbuf_setf(err, "stopped before the end");
    return e == 0 ? EXIT_DONE : EXIT_STOPPED;
}

static void release(struct replay *r)
{
    store_replay_release(&r->lost);
    r->writer = store_writer_free(r->writer);
    r->db = db_free(r->db);
    r->bus = bus_close(r->bus);
}

int admin_replay(int argc, char **argv)
{
    _cleanup_(settings_release) struct settings settings = { 0 };
    _cleanup_strbuf_ struct strbuf err;
    struct servers servers = { 0 };
    struct replay replay = { 0 };
    struct stopper stopper;
    int status = EXIT_NOT_DONE, e;
    struct log log;

    strbuf_init(&err, 4096);
    log_init(&log, "replay", LOG_ERROR, LOG_TEXT);
    e = load(&replay, &settings, &servers, argc, argv, &err);
    if (e > 0)
        return EXIT_DONE;
    if (e == 0)
        e = stopper_start(&stopper);
    if (e == 0) {
        replay.stopper = &stopper;
        e = open_all(&replay, &servers, &log, &err);
        if (e == 0)
            status = run(&replay, &err);
        release(&replay);
        stopper_end(&stopper);
    }
    if (status != EXIT_DONE)
        fprintf(stderr, "sluice replay: %s\n", err.len ? err.ptr : "out of memory");
    return status;
}

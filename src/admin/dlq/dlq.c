/* sluice dlq: finds the stream that it is about and does what was asked. */
#include "admin/dlq/dlq.h"

#include <errno.h>
#include <stdio.h>

#include "admin/admin.h"
#include "admin/servers.h"
#include "base/clock.h"

typedef int (*verb_fn)(struct dlq *q, struct strbuf *err);

static const verb_fn verbs[DLQ_VERB_COUNT] = {
    [DLQ_LS] = dlq_ls,
    [DLQ_SHOW] = dlq_show,
    [DLQ_REQUEUE] = dlq_requeue,
    [DLQ_PURGE] = dlq_purge,
};

static int run(const struct dlq_options *o, const struct settings *settings, struct strbuf *err)
{
    _cleanup_(bus_closep) struct bus *bus = NULL;
    struct dlq q = { .options = o };
    struct servers servers;
    struct log log;
    int r = servers_find(o->data, settings, &servers, err);

    log_init(&log, "dlq", LOG_ERROR, LOG_TEXT);
    if (r == 0)
        r = servers_open_bus(&servers, "sluice dlq", &log, &bus, err);
    if (r < 0)
        return r;
    q.bus = bus;
    return verbs[o->verb](&q, err);
}

int admin_dlq(int argc, char **argv)
{
    _cleanup_(settings_release) struct settings settings = { 0 };
    _cleanup_strbuf_ struct strbuf err;
    struct dlq_options options;
    int status = 2, r;

    strbuf_init(&err, 4096);
    r = dlq_options_load(&options, &settings, clock_wall_usec(), argc, argv, &err);
    if (r == 0) {
        status = 1;
        r = run(&options, &settings, &err);
    }
    if (r >= 0)
        return 0;
    (void)fflush(stdout);
    fprintf(stderr, "sluice dlq: %s\n", err.len ? err.ptr : "out of memory");
    return status;
}

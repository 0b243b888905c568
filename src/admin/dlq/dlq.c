/* sluice dlq: finds the stream that it is about and does what was asked. */
#include "admin/dlq/dlq.h"

#include <errno.h>
#include <stdio.h>

#include "admin/admin.h"
#include "admin/target.h"
#include "base/clock.h"

#define CONNECT_TIMEOUT_USEC (5 * UINT64_C(1000000))

typedef int (*verb_fn)(struct dlq *q, struct strbuf *err);

static const verb_fn verbs[DLQ_VERB_COUNT] = {
    [DLQ_LS] = dlq_ls,
    [DLQ_SHOW] = dlq_show,
    [DLQ_REQUEUE] = dlq_requeue,
    [DLQ_PURGE] = dlq_purge,
};

/* The running stack of --data; without the flag, that of var if there is one, else NATS_URL. */
static int find_url(const struct dlq_options *o, const struct settings *settings,
                    struct target *target, const char **ret_url, struct strbuf *err)
{
    int r = target_look(o->data ? o->data : "var", target, err);

    if (r < 0)
        return r;
    *ret_url = target->nats_url[0] ? target->nats_url : settings->nats_url;
    if (o->data && !target->nats_url[0]) {
        strbuf_setf(err, "--data=%s: %s", o->data,
                    target->running ? "run/stack.env cannot be read; be the stack's owner, or root"
                                    : "no stack runs there");
        return -ENOENT;
    }
    return 0;
}

static int connect_bus(const char *url, struct log *log, struct bus **ret, struct strbuf *err)
{
    const struct bus_options options = {
        .url = url, .name = "sluice dlq", .log = log, .connect_timeout_usec = CONNECT_TIMEOUT_USEC
    };
    int r = bus_open(&options, ret, err);

    if (r == 0 && !bus_wait_connected(*ret, CONNECT_TIMEOUT_USEC)) {
        strbuf_setf(err, "no NATS server answers within 5 s; is it running? --data and NATS_URL "
                         "say where");
        r = -ENOTCONN;
    }
    return r;
}

static int run(const struct dlq_options *o, const struct settings *settings, struct strbuf *err)
{
    _cleanup_(bus_closep) struct bus *bus = NULL;
    struct dlq q = { .options = o };
    struct target target;
    const char *url;
    struct log log;
    int r = find_url(o, settings, &target, &url, err);

    log_init(&log, "dlq", LOG_ERROR, LOG_TEXT);
    if (r == 0)
        r = connect_bus(url, &log, &bus, err);
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

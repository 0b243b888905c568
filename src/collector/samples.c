#include "collector/samples.h"

#include <errno.h>
#include <stdlib.h>

#include "bus/puller.h"
#include "collector/layout.h"
#include "collector/sample_lines.h"

#define DURABLE "metrics-writer"
#define PULL_MESSAGES 10
#define PULL_BYTES ((uint64_t)4 << 20)
#define PULL_WAIT_USEC UINT64_C(250000)
#define ACK_PENDING_MAX 1000
#define ANSWER_USEC UINT64_C(3000000)
#define ERROR_TEXT_MAX 512
/* An hour without a database; then the oldest minute is dropped and counted. */
#define WAITING_MAX 60

struct samples {
    struct collector *c;
    pthread_t thread;
    bool runs;
    struct db *db;
    struct sample_rows rows;
    struct bus_puller *puller;
    struct backoff db_backoff;
    pthread_mutex_t lock;             /* of what follows */
    struct span waiting[WAITING_MAX]; /* own samples, oldest first; owned */
    size_t waiting_count;
};

void samples_take(struct samples *s, int64_t minute_usec)
{
    struct strbuf lines;
    struct span taken;

    strbuf_init(&lines, SAMPLE_LINES_BYTES_MAX);
    sample_lines_write(&lines, s->c->service, minute_usec);
    taken.ptr = strbuf_take(&lines, &taken.len);
    if (!taken.ptr)
        return;
    pthread_mutex_lock(&s->lock);
    if (s->waiting_count == WAITING_MAX) {
        free((char *)s->waiting[0].ptr);
        memmove(s->waiting, s->waiting + 1, sizeof(*s->waiting) * --s->waiting_count);
        metric_add(s->c->figures.samples_lost, 1);
    }
    s->waiting[s->waiting_count++] = taken;
    pthread_mutex_unlock(&s->lock);
}

/* Stores the lines: 0, a db_outcome or -errno. */
static int store(struct samples *s, struct span lines)
{
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, ERROR_TEXT_MAX);
    r = sample_rows_read(&s->rows, lines);
    if (r < 0)
        return r;
    if (s->rows.bad)
        log_warn(s->c->log, "samples.bad", "lines that are no metric samples",
                 KV_UINT("lines", s->rows.bad), KV_STR("then", "leaving them out"));
    if (s->rows.count == 0)
        return 0;
    r = service_metrics_store(s->db, s->rows.rows, s->rows.count, &err);
    if (r != 0)
        log_warn(s->c->log, "samples.retry", "metric samples could not be stored",
                 KV_BUF("error", &err), KV_STR("then", "trying again"));
    return r;
}

static bool oldest(struct samples *s, struct span *ret_lines)
{
    bool found;

    pthread_mutex_lock(&s->lock);
    found = s->waiting_count > 0;
    if (found) {
        *ret_lines = s->waiting[0];
        memmove(s->waiting, s->waiting + 1, sizeof(*s->waiting) * --s->waiting_count);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

/* Back to the front, unless newer ones have filled its place. */
static void put_back(struct samples *s, struct span lines)
{
    pthread_mutex_lock(&s->lock);
    if (s->waiting_count < WAITING_MAX) {
        memmove(s->waiting + 1, s->waiting, sizeof(*s->waiting) * s->waiting_count++);
        s->waiting[0] = lines;
        lines = SPAN_NONE;
    }
    pthread_mutex_unlock(&s->lock);
    free((char *)lines.ptr);
}

static int store_own(struct samples *s)
{
    struct span lines;
    int r = 0;

    while (r == 0 && oldest(s, &lines)) {
        r = store(s, lines);
        if (r == 0)
            free((char *)lines.ptr);
        else
            put_back(s, lines);
    }
    return r;
}

static int open_puller(struct samples *s, struct strbuf *err)
{
    struct collector *c = s->c;
    int r;

    if (!atomic_load(&c->layout_ready))
        return -ENOTCONN; /* the streams are not there yet */
    r = bus_consumer_ensure(c->bus,
                            &(struct bus_consumer_config){
                                .stream = BUS_METRICS_STREAM,
                                .durable = DURABLE,
                                .ack_wait_usec = c->settings->ack_wait_usec,
                                .max_ack_pending = ACK_PENDING_MAX,
                            },
                            err);
    if (r < 0)
        return r;
    return bus_puller_new(c->bus,
                          &(struct bus_puller_options){
                              .stream = BUS_METRICS_STREAM,
                              .durable = DURABLE,
                              .batch = PULL_MESSAGES,
                              .max_bytes = PULL_BYTES,
                              .expires_usec = PULL_WAIT_USEC,
                          },
                          &s->puller, err);
}

static int store_others(struct samples *s)
{
    _cleanup_(bus_delivery_freep) struct bus_delivery *d = NULL;
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, ERROR_TEXT_MAX);
    if (!s->puller && open_puller(s, &err) < 0) {
        (void)halt_wait(&s->c->ending, PULL_WAIT_USEC);
        return 0;
    }
    r = bus_puller_next(s->puller, PULL_WAIT_USEC, &d);
    if (r == -ENOENT)
        s->puller = bus_puller_free(s->puller); /* made again with the next call */
    if (r < 0)
        (void)halt_wait(&s->c->ending, PULL_WAIT_USEC);
    if (r != 1)
        return 0;
    r = store(s, d->payload);
    /* Not acked it comes again, and rows are written once. */
    if (r <= 0 && bus_ack(s->c->bus, d, r == 0 ? BUS_ACK : BUS_TERM) < 0)
        log_debug(s->c->log, "samples.ack", "an ack could not be sent");
    return r;
}

static void *run(void *samples)
{
    struct samples *s = samples;
    struct collector *c = s->c;

    while (!halt_is_set(&c->ending)) {
        int r;

        if (!atomic_load(&c->schema_ready)) {
            (void)halt_wait(&c->ending, PULL_WAIT_USEC);
            continue;
        }
        r = store_own(s);
        if (r == 0)
            r = store_others(s);
        if (r == 0)
            backoff_reset(&s->db_backoff);
        else
            (void)halt_wait(&c->ending, backoff_next(&s->db_backoff));
    }
    if (health_is_good(&c->database, HEALTH_MAX_AGE_USEC, NULL) && store_own(s) != 0)
        log_warn(c->log, "samples.lost", "the last metric samples could not be stored",
                 KV_STR("then", "stopping without them"));
    return NULL;
}

int samples_new(struct collector *c, struct samples **ret_samples, struct strbuf *err)
{
    struct samples *s = calloc(1, sizeof(*s));
    int r = -ENOMEM;

    if (!s)
        goto out;
    s->c = c;
    (void)pthread_mutex_init(&s->lock, NULL);
    r = sample_rows_init(&s->rows);
    s->db = db_new(&(struct db_options){
        .url = c->settings->database_url,
        .application_name = "sluice metric samples",
        .connect_timeout_usec = ANSWER_USEC,
        .statement_timeout_usec = ANSWER_USEC,
    });
    if (r < 0 || !s->db) {
        r = -ENOMEM;
        goto out;
    }
    r = -pthread_create(&s->thread, NULL, run, s);
    if (r == 0) {
        s->runs = true;
        (void)pthread_setname_np(s->thread, "samples");
        *ret_samples = TAKE_PTR(s);
    }
out:
    if (r < 0)
        strbuf_setf(err, "metric samples: %s", strerror(-r));
    (void)samples_free(s);
    return r;
}

struct samples *samples_free(struct samples *s)
{
    if (!s)
        return NULL;
    if (s->runs)
        (void)pthread_join(s->thread, NULL);
    for (size_t i = 0; i < s->waiting_count; i++)
        free((char *)s->waiting[i].ptr);
    s->puller = bus_puller_free(s->puller);
    s->db = db_free(s->db);
    sample_rows_release(&s->rows);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}

#include "reporter/samples.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "store/service_metrics.h"

#define ROWS_MAX 32768 /* some hours of minutes */
#define ROWS_FIRST 256
#define ARENA_BLOCK_BYTES ((size_t)64 << 10)
#define ARENA_MAX_BYTES ((size_t)8 << 20)
#define DATABASE_TIMEOUT_USEC (2 * UINT64_C(1000000)) /* stopping waits for it too */

struct samples {
    struct service *service;
    struct db *db; /* DATABASE_URL: reports may read a replica, rows go to the primary */
    struct arena names;
    struct service_metric_row *rows;
    size_t count, room;
    int64_t minute_usec; /* being taken */
    bool full;
};

static bool make_room(struct samples *s)
{
    size_t room = MAX(s->room * 2, (size_t)ROWS_FIRST);
    struct service_metric_row *rows;

    if (s->count < s->room)
        return true;
    if (room > ROWS_MAX)
        return false;
    rows = realloc(s->rows, room * sizeof(*rows));
    if (!rows)
        return false;
    s->rows = rows;
    s->room = room;
    return true;
}

static void take_series(void *ctx, const char *series, double value)
{
    struct samples *s = ctx;
    struct span metric = arena_span(&s->names, span_str(series));

    if (!metric.ptr || !make_room(s)) {
        s->full = true;
        return;
    }
    s->rows[s->count++] = (struct service_metric_row){
        .service = span_str(s->service->name),
        .instance = span_str(s->service->instance),
        .metric = metric,
        .minute_usec = s->minute_usec,
        .value = value,
    };
}

static void forget(struct samples *s)
{
    arena_reset(&s->names);
    s->count = 0;
    s->full = false;
}

static void store(struct samples *s)
{
    _cleanup_strbuf_ struct strbuf err;

    strbuf_init(&err, 512);
    if (service_metrics_store(s->db, s->rows, s->count, &err) == 0) {
        forget(s);
        return;
    }
    log_warn(&s->service->log, "samples.kept", "the metrics of this minute were not stored",
             KV_BUF("error", &err), KV_UINT("rows", s->count),
             KV_STR("then", s->full ? "dropping those kept so far: there are too many"
                                    : "trying again in a minute"));
    if (s->full)
        forget(s);
}

struct samples *reporter_samples_new(struct service *service)
{
    const struct db_options db = {
        .url = service->settings.database_url,
        .application_name = "sluice reporter metrics",
        .connect_timeout_usec = DATABASE_TIMEOUT_USEC,
        .statement_timeout_usec = DATABASE_TIMEOUT_USEC,
    };
    struct samples *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->service = service;
    arena_init(&s->names, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    s->db = db_new(&db);
    if (!s->db)
        return reporter_samples_free(s);
    return s;
}

struct samples *reporter_samples_free(struct samples *s)
{
    if (!s)
        return NULL;
    (void)db_free(s->db);
    arena_release(&s->names);
    free(s->rows);
    free(s);
    return NULL;
}

void reporter_samples_take(struct samples *s, int64_t minute_usec)
{
    s->minute_usec = minute_usec;
    metrics_each(s->service->metrics, take_series, s);
    store(s);
}

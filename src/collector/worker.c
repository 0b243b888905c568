#include "collector/worker.h"

#include <errno.h>

#include "base/failpoint.h"

/* The gateway has checked sizes; this only bounds what a stray publisher may send. */
#define EVENT_BYTES_MAX ((size_t)1 << 20)
#define CONNECT_TIMEOUT_USEC UINT64_C(5000000)
/* Of one statement: a batch takes a second at most, a stalled disk may take more. */
#define STATEMENT_TIMEOUT_USEC UINT64_C(60000000)

static struct db *new_db(const struct collector *c)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "sluice %s", c->source->service);
    return db_new(&(struct db_options){
        .url = c->settings->database_url,
        .application_name = name,
        .connect_timeout_usec = CONNECT_TIMEOUT_USEC,
        .statement_timeout_usec = STATEMENT_TIMEOUT_USEC,
    });
}

int worker_init(struct worker *w, struct collector *c, uint32_t index, struct strbuf *err)
{
    int r;

    *w = (struct worker){ .c = c, .index = index };
    r = exchange_init(&w->exchange);
    for (int i = 0; i < WORKER_WORKS && r == 0; i++)
        r = work_init(&w->works[i], c->settings->batch_max_bytes);
    if (r < 0)
        return r;
    w->decoder = event_decoder_new(VALIDATION_LENIENT, EVENT_BYTES_MAX);
    w->suspects_decoder = event_decoder_new(VALIDATION_LENIENT, EVENT_BYTES_MAX);
    w->side_db = new_db(c);
    w->db = new_db(c);
    w->store = w->db ? store_writer_new(w->db) : NULL;
    if (!w->decoder || !w->suspects_decoder || !w->side_db || !w->store) {
        strbuf_setf(err, "out of memory for a worker");
        return -ENOMEM;
    }
    return 0;
}

void worker_release(struct worker *w)
{
    w->aside = bus_delivery_free(w->aside);
    for (int i = 0; i < WORKER_WORKS; i++)
        work_release(&w->works[i]);
    w->puller = bus_puller_free(w->puller);
    w->store = store_writer_free(w->store);
    w->side_db = db_free(w->side_db);
    w->decoder = event_decoder_free(w->decoder);
    w->suspects_decoder = event_decoder_free(w->suspects_decoder);
    exchange_release(&w->exchange);
}

static int start_thread(struct worker *w, pthread_t *thread, bool *ret_runs, void *(*body)(void *),
                        const char *name)
{
    char full[16];
    int r;

    atomic_fetch_add(&w->c->workers_running, 1);
    r = pthread_create(thread, NULL, body, w);
    if (r != 0) {
        atomic_fetch_sub(&w->c->workers_running, 1);
        return -r;
    }
    *ret_runs = true;
    (void)snprintf(full, sizeof(full), "%s-%u", name, w->index);
    (void)pthread_setname_np(*thread, full);
    return 0;
}

int worker_start(struct worker *w)
{
    int r = start_thread(w, &w->writer, &w->writer_runs, write_run, "write");

    if (r == 0)
        r = start_thread(w, &w->fetcher, &w->fetcher_runs, fetch_run, "fetch");
    if (r < 0)
        exchange_close(&w->exchange); /* a writer without a fetcher would wait for ever */
    return r;
}

void worker_join(struct worker *w)
{
    if (w->fetcher_runs)
        (void)pthread_join(w->fetcher, NULL);
    if (w->writer_runs)
        (void)pthread_join(w->writer, NULL);
    w->fetcher_runs = w->writer_runs = false;
}

int worker_decode(struct worker *w, struct work *work, size_t message,
                  struct event_decoder *decoder)
{
    struct collector *c = w->c;
    size_t first = work->event_count;
    int r;

    failpoint("collector.message.%llu", (unsigned long long)work->messages[message].seq);
    r = work_decode(work, message, decoder, c->source->source);
    if (r < 0)
        return r;
    figures_accepted(&c->figures, work, first);
    work->queued += work->event_count - first;
    atomic_fetch_add_explicit(&c->queued_events, work->event_count - first, memory_order_relaxed);
    return 0;
}

void worker_forget(struct worker *w, struct work *work)
{
    atomic_fetch_sub_explicit(&w->c->queued_events, work->queued, memory_order_relaxed);
    work_reset(work);
}

/*
 * Tells once a second through which moment the source's stream is stored: reports say it as
 * dataThrough.
 *
 * All up to the consumer's ack floor is committed, whichever collector did it, and a stream's times
 * rise with its sequences. So the moment is the time of the first message above the floor, acked or
 * not. Without such a message it is now: what the stream takes later gets a later time. "Now" is
 * read before the floor, so that a stream which is made anew in between cannot hide a message, and
 * is put back by what the clocks of this machine and of nats-server may differ.
 *
 * What was true once stays true, so that it does not matter how late it is written, nor by whom.
 * A floor that moved back (a server that restarted, a consumer or stream made anew) only tells an
 * earlier moment than is known.
 */
#include "base/clock.h"
#include "bus/puller.h"
#include "collector/watch.h"
#include "store/progress.h"

#define LOOK_USEC UINT64_C(1000000)
#define ANSWER_USEC UINT64_C(3000000)
#define CLOCKS_DIFFER_USEC INT64_C(500000)
#define ERROR_TEXT_MAX 512

static int find_through(struct collector *c, int64_t *ret_usec, struct strbuf *err)
{
    int64_t now = clock_wall_usec();
    struct bus_consumer_state consumer;
    int r = bus_consumer_state_of(c->bus, c->stream, c->source->durable, &consumer, err);

    if (r == 0)
        r = bus_stream_time_from(c->bus, c->stream, consumer.ack_floor_seq + 1, ret_usec, err);
    if (r == 0)
        *ret_usec = now - CLOCKS_DIFFER_USEC;
    return r < 0 ? r : 0;
}

static bool can_tell(struct collector *c)
{
    return atomic_load(&c->layout_ready) && atomic_load(&c->schema_ready) &&
           bus_connected(c->bus) && health_is_good(&c->database, HEALTH_MAX_AGE_USEC, NULL);
}

static int look_and_tell(struct collector *c, struct db *db, struct strbuf *err)
{
    int64_t through = 0;
    int r = find_through(c, &through, err);

    return r == 0 ? progress_tell(db, c->stream, through, err) : r;
}

void *freshness_run(void *collector)
{
    struct collector *c = collector;
    struct backoff backoff = { 0 };
    uint64_t delay = LOOK_USEC;
    char name[64];
    struct db *db;

    (void)snprintf(name, sizeof(name), "sluice %s freshness", c->source->service);
    db = db_new(&(struct db_options){
        .url = c->settings->database_url,
        .application_name = name,
        .connect_timeout_usec = ANSWER_USEC,
        .statement_timeout_usec = ANSWER_USEC,
    });
    while (db && !halt_wait(&c->ending, delay)) {
        _cleanup_strbuf_ struct strbuf err;

        strbuf_init(&err, ERROR_TEXT_MAX);
        delay = LOOK_USEC;
        /* Who is away is said by those who watch them. */
        if (!can_tell(c))
            continue;
        if (look_and_tell(c, db, &err) == 0) {
            backoff_reset(&backoff);
            continue;
        }
        delay = MAX(backoff_next(&backoff), LOOK_USEC);
        log_warn(c->log, "freshness.retry", "how far the stream is stored cannot be told",
                 KV_BUF("error", &err), KV_UINT("attempt", backoff.attempts),
                 KV_STR("then", "trying again; dataThrough of reports stands still meanwhile"));
    }
    (void)db_free(db);
    return NULL;
}

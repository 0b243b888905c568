/* Messages that were delivered several times. Most of them are innocent: a collector was restarted,
 * an ack got lost. But one may be what kills us, and the delivery count cannot tell which. So a
 * suspect is noted in the database before it is touched and forgotten after its commit; a note that
 * is found when the message comes again says that a process died with it in hand.
 *
 *   no note       handled together with the other suspects
 *   noted         handled alone in the process, nothing else is decoded or written meanwhile
 *   killed us three times alone   dead-lettered without looking into it
 *
 * Notes cost two short statements a batch, so that a redelivery of the whole stream stays fast. */
#include <errno.h>

#include "collector/worker.h"
#include "store/quarantine.h"

#define ERROR_TEXT_MAX 2048
/* One attempt beside other suspects, three alone. */
#define ATTEMPTS_MAX 4

typedef int (*note_fn)(struct db *db, const struct store_message *messages, size_t count,
                       struct strbuf *err);

/* Notes or forgets all messages of the batch; -ECANCELED when the process stops meanwhile. */
static int note(struct worker *w, const struct work *work, note_fn fn)
{
    _cleanup_strbuf_ struct strbuf err;
    struct backoff backoff = { 0 };
    int r;

    strbuf_init(&err, ERROR_TEXT_MAX);
    while ((r = fn(w->side_db, work->messages, work->message_count, &err)) != 0)
        if (!write_wait(w, &backoff, r, "suspect messages could not be noted", &err))
            return -ECANCELED;
    return 0;
}

static int look_up(struct worker *w, const struct work *work, uint32_t *attempts)
{
    _cleanup_strbuf_ struct strbuf err;
    struct backoff backoff = { 0 };
    int r;

    strbuf_init(&err, ERROR_TEXT_MAX);
    while ((r = quarantine_attempts(w->side_db, work->messages, work->message_count, attempts,
                                    &err)) != 0)
        if (!write_wait(w, &backoff, r, "suspect messages could not be looked up", &err))
            return -ECANCELED;
    return 0;
}

/* Moves a message into the batch of those handled now. */
static int move(struct worker *w, struct work *from, size_t message, struct work *to)
{
    struct bus_delivery *d = work_hand_out(from, message);
    int r = work_take(to, d, w->c->stream, collector_keep_usec(w->c));

    if (r < 0)
        (void)bus_delivery_free(d); /* it comes again */
    return r;
}

static int decode_all(struct worker *w, struct work *work, bool alone)
{
    int r = 0;

    if (!alone)
        (void)pthread_rwlock_rdlock(&w->c->company);
    for (size_t i = 0; i < work->message_count && r == 0; i++)
        r = worker_decode(w, work, i, w->suspects_decoder);
    if (!alone)
        (void)pthread_rwlock_unlock(&w->c->company);
    return r;
}

/* Noted already. Answers and empties the batch. */
static void settle(struct worker *w, struct work *now, bool alone, bool condemned)
{
    int r = condemned ? work_condemn(now, 0, "killed_collector",
                                     "the collector died three times with this message alone")
                      : decode_all(w, now, alone);

    if (r == 0)
        r = write_settle(w, now, alone);
    if (r == 0)
        r = note(w, now, quarantine_end);
    work_answer(now, w->c->bus, r == 0 ? BUS_ACK : BUS_NAK);
    worker_forget(w, now);
}

static void settle_together(struct worker *w, struct work *work, const uint32_t *attempts)
{
    struct work *now = &w->works[WORKER_SUSPECTS];

    for (size_t i = 0; i < work->message_count; i++)
        if (attempts[i] == 0 && move(w, work, i, now) < 0)
            break;
    if (now->message_count == 0)
        return;
    if (note(w, now, quarantine_begin) < 0) {
        work_answer(now, w->c->bus, BUS_NAK);
        worker_forget(w, now);
        return;
    }
    settle(w, now, /* alone= */ false, /* condemned= */ false);
}

static void settle_alone(struct worker *w, struct work *work, size_t message, uint32_t attempts)
{
    struct work *now = &w->works[WORKER_SUSPECTS];
    bool condemned = attempts >= ATTEMPTS_MAX;

    if (move(w, work, message, now) < 0)
        return;
    log_warn(w->c->log, "message.suspect", "a collector died while it had this message in hand",
             KV_UINT("sequence", now->messages[0].seq), KV_UINT("attempts", attempts),
             KV_STR("then", condemned ? "dead-lettering its events" : "handling it alone"));
    (void)pthread_rwlock_wrlock(&w->c->company);
    if (condemned || note(w, now, quarantine_begin) == 0)
        settle(w, now, /* alone= */ true, condemned);
    (void)pthread_rwlock_unlock(&w->c->company);
    work_answer(now, w->c->bus, BUS_NAK); /* unless it was settled */
    worker_forget(w, now);
}

void suspects_settle(struct worker *w, struct work *work)
{
    uint32_t *attempts = arena_array(&work->arena, uint32_t, work->message_count);

    if (attempts && look_up(w, work, attempts) == 0) {
        settle_together(w, work, attempts);
        for (size_t i = 0; i < work->message_count; i++)
            if (attempts[i] > 0 && !halt_is_set(&w->c->stopping))
                settle_alone(w, work, i, attempts[i]);
    }
    work_answer(work, w->c->bus, BUS_NAK); /* what is left of it: the process is stopping */
}

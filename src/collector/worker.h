/* A worker: its two threads and what both parts of it use. */
#pragma once

#include "collector/context.h"

/* Prepares a worker; starts no thread. Release it in any case. */
int worker_init(struct worker *w, struct collector *c, uint32_t index,
                struct strbuf *err) MUST_CHECK;
void worker_release(struct worker *w);
int worker_start(struct worker *w) MUST_CHECK;
/* Waits until both threads ended. After halt_set(&c->stopping) and exchange_interrupt(). */
void worker_join(struct worker *w);

/* fetch.c, write.c: the threads' bodies. */
void *fetch_run(void *worker);
void *write_run(void *worker);

/* Decodes a message of the batch and counts its events as accepted. -ENOMEM. */
int worker_decode(struct worker *w, struct work *work, size_t message,
                  struct event_decoder *decoder) MUST_CHECK;
/* The batch is done with: empties it. */
void worker_forget(struct worker *w, struct work *work);

/* Settles one batch: dead letters, transaction, metrics and logs. 0: committed and to be acked by
 * the caller. -ECANCELED: the process is stopping and the database is away, give the messages back.
 * alone: c->company is held for writing already. */
int write_settle(struct worker *w, struct work *work, bool alone) MUST_CHECK;
/* The writer's answer to a failure: says so, waits. false: the process is stopping, give up. */
bool write_wait(struct worker *w, struct backoff *backoff, int outcome, const char *what,
                const struct strbuf *err) MUST_CHECK;

/* dead_letters.c: publishes the batch's dead events that are not published yet. 0: all are,
 * messages whose dead letters the stream refuses were dropped from the batch (they come again after
 * ack_wait). A db_outcome or -errno: not now. */
int dead_letters_publish(struct worker *w, struct work *work, struct strbuf *err) MUST_CHECK;

/* suspects.c: handles a batch of messages delivered often, and answers them all. */
void suspects_settle(struct worker *w, struct work *work);
#define SUSPECT_DELIVERIES 3

/* log_batch.c: says what was committed, with the correlation ids. */
void log_batch(const struct worker *w, const struct work *work, uint64_t commit_usec);

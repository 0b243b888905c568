/*
 * Threads that take in what is too big for a loop: each has an intake, an outbox and a connection
 * of its own and works on one request at a time, so that the number of workers bounds how many
 * bodies are inflated at once. Requests come through one bounded queue and go back to their loop
 * with http_loop_post() when their last ack has come.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "gateway/intake.h"
#include "gateway/outbox.h"
#include "gateway/pending.h"
#include "service/http.h"

#define WORKER_QUEUE_MAX 1024

struct workers;

struct worker {
    struct workers *all;
    struct outbox outbox;
    struct intake intake;
    pthread_t thread;
    bool started;
};

struct workers {
    pthread_mutex_t lock;
    int work_fd; /* a semaphore: one for each request queued; stopping has it open for ever */
    struct pending *head, *tail;
    size_t depth;
    bool stopping, ready;
    struct worker *items;
    size_t count;
};

struct settings;

/* outbox: template of each worker's. <0 with *err. workers_stop() in every case. */
int workers_start(struct workers *w, size_t count, const struct settings *settings,
                  const struct outbox_options *outbox, struct strbuf *err) MUST_CHECK;
/* Joins the threads and frees; requests whose acks have not come are forgotten. A zeroed struct is
 * fine. The loops have stopped. */
void workers_stop(struct workers *w);

/* Queues a request whose body was taken into p->body; p->post.fn is called on its loop when it is
 * sealed and has all outcomes. False when the queue is full. Loop thread. */
bool workers_submit(struct workers *w, struct pending *p) MUST_CHECK;

/* Nobody waits for the answer any more. True: it was still queued, and is the caller's again.
 * False: a worker has it, stops soon, and p comes back through p->post.fn. Loop thread. */
bool workers_cancel(struct workers *w, struct pending *p);

size_t workers_depth(struct workers *w);

/*
 * The threads that make reports: each has a connection of its own, to the database or to NATS, and
 * takes jobs from one bounded queue. A job is made on an HTTP loop and comes back there with
 * http_loop_post().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "reporter/filter.h"
#include "reporter/rendition.h"
#include "service/http.h"
#include "store/snapshot.h"

struct pool;
struct job;

/* On the job's loop, when it is done; not for one that was dropped. The job is freed afterwards. */
typedef void (*job_done_fn)(void *ctx, struct job *job);

struct job {
    /* filled by the caller */
    struct filter_parser parser; /* owns what the filter points to */
    struct report_filter filter;
    struct http_request *request; /* touched on its loop only */
    struct rendition rendition;   /* what the client wants; when it is done, what it gets */

    /* filled when done() is called */
    int outcome;          /* 0, enum db_outcome, or -errno */
    bool timed_out;       /* the database needed longer than a report may take */
    struct strbuf data;   /* the answer's `data` object */
    struct strbuf err;    /* why not, for the log */
    uint64_t took_usec;   /* from the start of the query to its result */
    struct snapshot view; /* how fresh the answer is; all zero when that is not known */

    /* private */
    struct pool *pool;
    struct http_loop *loop;
    struct http_post post;
    struct job *prev, *next;
    int state;
};

/* How a thread makes reports. */
struct pool_craft {
    const char *thread_name;
    /* What a thread works with; options are those of the pool. Called when the pool is made. */
    int (*open)(const void *options, void **ret_tools, struct strbuf *err);
    /* When the thread has ended. */
    void (*close)(void *tools);
    /* Fills the job's outcome and what belongs to it, on the thread; the pool then writes the
     * answer.
     */
    void (*make)(void *tools, struct job *job);
    /* Makes make() return soon; any thread. NULL: it does so by itself. */
    void (*cancel)(void *tools);
};

struct pool_options {
    uint32_t threads;
    uint32_t queue_max;
    const struct pool_craft *craft;
    const void *craft_options;
    job_done_fn done;
    void *ctx;
};

/* Starts the threads. <0 with *err. */
int pool_new(const struct pool_options *options, struct pool **ret, struct strbuf *err) MUST_CHECK;
/* Joins the threads (what runs is cancelled) and frees the jobs. The loops MUST have stopped. */
struct pool *pool_free(struct pool *p);
DEFINE_CLEANUP(struct pool *, pool_free)

/* Loop thread. NULL when out of memory. */
struct job *job_new(void);
struct job *job_free(struct job *job);
DEFINE_CLEANUP(struct job *, job_free)

/* Loop thread. Takes the job over. -EAGAIN when the queue is full: it stays the caller's. */
int pool_submit(struct pool *p, struct job *job) MUST_CHECK;
/* Loop thread. Nobody waits for the job any more: its query is cancelled, done() is not called. */
void pool_drop(struct pool *p, struct job *job);

/* For make(): whether somebody still waits for the job. */
bool pool_wants(const struct job *job);

/* Any thread. */
uint32_t pool_queued(struct pool *p);
uint32_t pool_running(struct pool *p);

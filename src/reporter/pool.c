/*
 * A job is QUEUED, then RUNNING, then POSTED to its loop, which calls done() and frees it. One that
 * is dropped while queued is freed at once; later it is freed when it comes back. States change
 * under the lock. What runs or was posted hangs in a list, so that jobs which a stopped loop never
 * took back are freed at the end.
 */
#include "reporter/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define DATA_MAX_BYTES ((size_t)64 << 20)
#define ERROR_MAX_BYTES 1024

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_POSTED, JOB_DROPPED };

struct worker {
    struct pool *pool;
    pthread_t thread;
    void *tools;
    struct job *job; /* under the lock: which one it makes */
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct job *queue;       /* utlist, oldest first */
    struct job *outstanding; /* RUNNING, POSTED, DROPPED */
    uint32_t queued, queue_max, running;
    bool stopping;
    struct worker *workers;
    uint32_t worker_count;
    const struct pool_craft *craft;
    job_done_fn done;
    void *ctx;
};

bool pool_wants(const struct job *job)
{
    struct pool *p = job->pool;
    bool wanted;

    pthread_mutex_lock(&p->lock);
    wanted = job->state == JOB_RUNNING && !p->stopping;
    pthread_mutex_unlock(&p->lock);
    return wanted;
}

/* Loop thread. */
static void on_back(struct http_post *post)
{
    struct job *job = (struct job *)(void *)((char *)post - offsetof(struct job, post));
    struct pool *p = job->pool;
    bool wanted;

    pthread_mutex_lock(&p->lock);
    wanted = job->state == JOB_POSTED;
    DL_DELETE(p->outstanding, job);
    pthread_mutex_unlock(&p->lock);
    if (wanted)
        p->done(p->ctx, job);
    (void)job_free(job);
}

/* Under the lock. NULL: stop. */
static struct job *take(struct worker *w)
{
    struct pool *p = w->pool;
    struct job *job;

    while (!p->queue && !p->stopping)
        pthread_cond_wait(&p->work, &p->lock);
    if (p->stopping)
        return NULL;
    job = p->queue;
    DL_DELETE(p->queue, job);
    p->queued--;
    DL_APPEND(p->outstanding, job);
    p->running++;
    job->state = JOB_RUNNING;
    w->job = job;
    return job;
}

static void make(struct worker *w, struct job *job)
{
    w->pool->craft->make(w->tools, job);
    if (job->outcome != 0 || !pool_wants(job))
        return;
    job->outcome =
        rendition_write(&job->rendition, strbuf_span(&job->data), &job->view, job->took_usec);
    if (job->outcome < 0)
        strbuf_setf(&job->err, "the answer could not be written: %s", strerror(-job->outcome));
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct pool *p = w->pool;
    struct job *job;

    (void)pthread_setname_np(pthread_self(), p->craft->thread_name);
    pthread_mutex_lock(&p->lock);
    while ((job = take(w))) {
        pthread_mutex_unlock(&p->lock);
        make(w, job);
        pthread_mutex_lock(&p->lock);
        w->job = NULL;
        p->running--;
        if (job->state == JOB_RUNNING)
            job->state = JOB_POSTED;
        http_loop_post(job->loop, &job->post); /* under the lock: pool_free() sees all or nothing */
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static int start_worker(struct pool *p, const struct pool_options *options, struct strbuf *err)
{
    struct worker *w = &p->workers[p->worker_count];
    int r = p->craft->open(options->craft_options, &w->tools, err);

    if (r < 0)
        return r;
    w->pool = p;
    r = -pthread_create(&w->thread, NULL, worker_main, w);
    if (r == 0) {
        p->worker_count++;
        return 0;
    }
    p->craft->close(w->tools);
    strbuf_setf(err, "cannot start a report thread: %s", strerror(-r));
    return r;
}

int pool_new(const struct pool_options *options, struct pool **ret, struct strbuf *err)
{
    _cleanup_(pool_freep) struct pool *p = calloc(1, sizeof(*p));
    int r = 0;

    if (!p) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    p->queue_max = options->queue_max;
    p->craft = options->craft;
    p->done = options->done;
    p->ctx = options->ctx;
    p->workers = calloc(options->threads, sizeof(*p->workers));
    if (!p->workers) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    while (r == 0 && p->worker_count < options->threads)
        r = start_worker(p, options, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(p);
    return 0;
}

static void free_list(struct job *head)
{
    struct job *job, *next;

    DL_FOREACH_SAFE(head, job, next)
    (void)job_free(job);
}

/* Under the lock. */
static void cancel(const struct pool *p, const struct worker *w)
{
    if (p->craft->cancel)
        p->craft->cancel(w->tools);
}

/* Under the lock. */
static void cancel_job(const struct pool *p, const struct job *job)
{
    for (uint32_t i = 0; i < p->worker_count; i++)
        if (p->workers[i].job == job)
            cancel(p, &p->workers[i]);
}

struct pool *pool_free(struct pool *p)
{
    if (!p)
        return NULL;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    for (uint32_t i = 0; i < p->worker_count; i++)
        if (p->workers[i].job)
            cancel(p, &p->workers[i]);
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < p->worker_count; i++) {
        pthread_join(p->workers[i].thread, NULL);
        p->craft->close(p->workers[i].tools);
    }
    free_list(p->queue);
    free_list(p->outstanding);
    free(p->workers);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

struct job *job_new(void)
{
    struct job *job = calloc(1, sizeof(*job));

    if (!job)
        return NULL;
    strbuf_init(&job->data, DATA_MAX_BYTES);
    strbuf_init(&job->err, ERROR_MAX_BYTES);
    rendition_init(&job->rendition);
    return job;
}

struct job *job_free(struct job *job)
{
    if (!job)
        return NULL;
    strbuf_release(&job->data);
    strbuf_release(&job->err);
    rendition_release(&job->rendition);
    free(job);
    return NULL;
}

int pool_submit(struct pool *p, struct job *job)
{
    int r = -EAGAIN;

    job->pool = p;
    job->loop = job->request->loop;
    job->post.fn = on_back;
    pthread_mutex_lock(&p->lock);
    if (p->queued < p->queue_max && !p->stopping) {
        job->state = JOB_QUEUED;
        DL_APPEND(p->queue, job);
        p->queued++;
        pthread_cond_signal(&p->work);
        r = 0;
    }
    pthread_mutex_unlock(&p->lock);
    return r;
}

void pool_drop(struct pool *p, struct job *job)
{
    bool queued;

    pthread_mutex_lock(&p->lock);
    queued = job->state == JOB_QUEUED;
    if (queued) {
        DL_DELETE(p->queue, job);
        p->queued--;
    } else {
        if (job->state == JOB_RUNNING)
            cancel_job(p, job);
        job->state = JOB_DROPPED;
    }
    pthread_mutex_unlock(&p->lock);
    if (queued)
        (void)job_free(job);
}

uint32_t pool_queued(struct pool *p)
{
    uint32_t n;

    pthread_mutex_lock(&p->lock);
    n = p->queued;
    pthread_mutex_unlock(&p->lock);
    return n;
}

uint32_t pool_running(struct pool *p)
{
    uint32_t n;

    pthread_mutex_lock(&p->lock);
    n = p->running;
    pthread_mutex_unlock(&p->lock);
    return n;
}

/*
 * Numbers for users, by which bitmaps know them. Who is new is known when their rows were added:
 * each that may be new is offered a number of the pool, and those that nobody needed stay there.
 * user_numbers is written before the transaction, in one of its own, so that writers do not wait
 * for each other's users. Numbers that are lost with the process or the connection are gaps.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/writer_internal.h"

/* Never fewer at once: a new user now and then should not cost a transaction each. */
#define TAKE_MIN 256

static const char take_sql[] =
    "INSERT INTO user_numbers AS n (source, next_no) VALUES ($1, $2::integer)"
    " ON CONFLICT (source) DO UPDATE SET next_no = n.next_no + excluded.next_no"
    " RETURNING (next_no - $2::integer)::bigint";

static int make_room(struct number_pool *pool, size_t count)
{
    int32_t *list;

    if (pool->room >= pool->count + count)
        return 0;
    list = reallocarray(pool->list, pool->count + count, sizeof(*list));
    if (!list)
        return -ENOMEM;
    pool->list = list;
    pool->room = pool->count + count;
    return 0;
}

static int take(struct write_job *job, enum event_source source, size_t count, struct strbuf *err)
{
    struct number_pool *pool = &job->w->numbers[source];
    struct pg_params params = { .binary_results = true };
    _cleanup_result_ PGresult *res = NULL;
    char text[24];
    int64_t first;
    int r = make_room(pool, count);

    if (r < 0)
        return r;
    (void)snprintf(text, sizeof(text), "%zu", count);
    pg_param_text(&params, event_source_names[source]);
    pg_param_text(&params, text);
    r = pg_query(job->w->db, take_sql, &params, &res, err);
    /* All numbers are given out: no event is to blame for that. */
    if (r != 0)
        return r == DB_DATA_FAULT ? DB_RETRY : r;
    first = wire_get_i64(PQgetvalue(res, 0, 0));
    for (size_t i = 0; i < count; i++)
        pool->list[pool->count++] = (int32_t)(first + (int64_t)i);
    return 0;
}

int numbers_take(struct write_job *job, struct strbuf *err)
{
    size_t needed[SOURCE_COUNT] = { 0 };
    int r = 0;

    for (size_t i = 0; i < job->slice.event_count; i++)
        needed[job->batch->events[job->slice.event_first + i].event.source]++;
    for (int s = 0; r == 0 && s < SOURCE_COUNT; s++) {
        job->w->numbers[s].offered = 0;
        if (job->w->numbers[s].count < needed[s])
            r = take(job, (enum event_source)s, MAX(needed[s], (size_t)TAKE_MIN), err);
    }
    return r;
}

int32_t numbers_offer(struct store_writer *w, enum event_source source)
{
    struct number_pool *pool = &w->numbers[source];

    return pool->list[pool->offered++];
}

void numbers_settle(struct write_job *job)
{
    size_t kept[SOURCE_COUNT] = { 0 };

    for (size_t i = 0; i < job->user_count; i++) {
        const struct job_user *user = &job->users[i];
        if (user->offered != USER_NO_NONE && user->no != user->offered)
            job->w->numbers[user->source].list[kept[user->source]++] = user->offered;
    }
    for (int s = 0; s < SOURCE_COUNT; s++) {
        struct number_pool *pool = &job->w->numbers[s];
        size_t rest = pool->count - pool->offered;
        if (rest)
            memmove(pool->list + kept[s], pool->list + pool->offered, rest * sizeof(*pool->list));
        pool->count = kept[s] + rest;
        pool->offered = 0;
    }
}

void numbers_forget(struct store_writer *w)
{
    for (int s = 0; s < SOURCE_COUNT; s++)
        w->numbers[s].count = 0;
}

void numbers_release(struct store_writer *w)
{
    for (int s = 0; s < SOURCE_COUNT; s++)
        free(w->numbers[s].list);
}

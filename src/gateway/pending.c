#include "gateway/pending.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_out.h"

/* 100 errors with ids of EVENT_ID_MAX bytes, each escaped to six. */
#define ERRORS_BYTES_MAX (256 * 1024)
#define BLOCK_COUNT 64

struct pending_block {
    struct pending_block *next;
    struct pending items[BLOCK_COUNT];
};

void pending_reset(struct pending *p)
{
    strbuf_release(&p->errors);
    p->req = NULL;
    p->input = (struct pending_input){ 0 };
    p->awaited = 0;
    p->sealed = false;
    p->shape = SHAPE_SINGLE;
    p->accepted = p->rejected = p->duplicates = 0;
    p->failure = FAILURE_NONE;
    p->refusal = NULL;
    p->error_count = 0;
    p->with_worker = false;
    atomic_store_explicit(&p->cancelled, false, memory_order_relaxed);
}

void pending_fail(struct pending *p, enum failure failure)
{
    p->failure = MAX(p->failure, failure);
}

void pending_refuse(struct pending *p, const struct refusal *refusal, const char *fmt, ...)
{
    va_list ap;

    p->refusal = refusal;
    va_start(ap, fmt);
    (void)vsnprintf(p->message, sizeof(p->message), fmt, ap);
    va_end(ap);
}

void pending_reject(struct pending *p, uint32_t index, const struct event_fault *fault)
{
    size_t before = p->errors.len;
    struct json_out j;

    if (p->rejected++ == 0 && !p->refusal)
        (void)snprintf(p->message, sizeof(p->message), "%s%s%s", fault->pointer,
                       fault->pointer[0] ? ": " : "", fault->expected);
    if (p->error_count == PENDING_ERRORS_MAX)
        return;
    json_out_init(&j, &p->errors);
    j.comma = p->error_count > 0;
    json_object(&j);
    json_key(&j, "index");
    json_u64(&j, index);
    json_key(&j, "eventId");
    if (fault->event_id.ptr)
        json_string(&j, span_of(fault->event_id.ptr, MIN(fault->event_id.len, EVENT_ID_MAX)));
    else
        json_null(&j);
    json_key(&j, "pointer");
    json_str(&j, fault->pointer);
    json_key(&j, "error");
    json_str(&j, fault->expected);
    json_object_end(&j);
    if (strbuf_error(&p->errors))
        strbuf_truncate(&p->errors, before); /* half a description is none */
    else
        p->error_count++;
}

static bool pool_grow(struct pending_pool *pool)
{
    struct pending_block *block = calloc(1, sizeof(*block));

    if (!block)
        return false;
    block->next = pool->blocks;
    pool->blocks = block;
    for (size_t i = 0; i < BLOCK_COUNT; i++) {
        strbuf_init(&block->items[i].errors, ERRORS_BYTES_MAX);
        block->items[i].next = pool->free;
        pool->free = &block->items[i];
    }
    return true;
}

struct pending *pending_get(struct pending_pool *pool)
{
    struct pending *p;

    if (!pool->free && !pool_grow(pool))
        return NULL;
    p = pool->free;
    pool->free = p->next;
    p->next = NULL;
    return p;
}

void pending_put(struct pending_pool *pool, struct pending *p)
{
    pending_reset(p);
    p->next = pool->free;
    pool->free = p;
}

void pending_pool_release(struct pending_pool *pool)
{
    struct pending_block *next;

    for (struct pending_block *b = pool->blocks; b; b = next) {
        next = b->next;
        for (size_t i = 0; i < BLOCK_COUNT; i++)
            strbuf_release(&b->items[i].errors);
        free(b);
    }
    *pool = (struct pending_pool){ 0 };
}

/* The memory of requests: a loop keeps a few exchanges with their first arena block and a small
 * body buffer, so that an ordinary request allocates nothing. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "service/http_private.h"

#define KEPT_EXCHANGES 256
#define KEPT_ARENA_BYTES (64 * 1024)
#define ARENA_BLOCK_BYTES 4096

struct exchange *exchange_get(struct http_loop *loop, struct http_conn *conn)
{
    struct exchange *ex = loop->free_exchanges;

    if (ex) {
        loop->free_exchanges = ex->next_free;
        loop->free_count--;
    } else {
        ex = calloc(1, sizeof(*ex));
        if (!ex)
            return NULL;
        arena_init(&ex->arena, ARENA_BLOCK_BYTES, HTTP_ARENA_MAX_BYTES);
    }
    ex->conn = conn;
    ex->req = (struct http_request){
        .arena = &ex->arena,
        .loop = loop,
        .started_usec = clock_mono_usec(),
    };
    ex->route = NULL;
    ex->query = ex->raw_path = SPAN_NONE;
    ex->expected = 0;
    ex->refusal = (struct http_refusal){ 0 };
    ex->bad_path = ex->begun = ex->replied = false;
    return ex;
}

bool exchange_name(struct exchange *ex)
{
    char *id;

    if (ex->req.correlation_id.ptr)
        return true;
    id = arena_alloc(&ex->arena, UUID_TEXT_BYTES);
    if (!id)
        return false;
    uuid_random(id);
    ex->req.correlation_id = span_of(id, UUID_TEXT_BYTES - 1);
    return true;
}

static void exchange_free(struct exchange *ex)
{
    free(ex->body);
    arena_release(&ex->arena);
    free(ex);
}

void exchange_put(struct http_loop *loop, struct exchange *ex)
{
    http_body_drop(ex);
    if (loop->free_count >= KEPT_EXCHANGES) {
        exchange_free(ex);
        return;
    }
    if (ex->arena.used > KEPT_ARENA_BYTES)
        arena_release(&ex->arena);
    else
        arena_reset(&ex->arena);
    ex->next_free = loop->free_exchanges;
    loop->free_exchanges = ex;
    loop->free_count++;
}

void exchange_free_all(struct http_loop *loop)
{
    while (loop->free_exchanges) {
        struct exchange *ex = loop->free_exchanges;

        loop->free_exchanges = ex->next_free;
        exchange_free(ex);
    }
    loop->free_count = 0;
}

#include "admin/bench/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "load/generator.h"

#define POOL_EVENTS 65536
/* Where an event's id is counted on: the last digits of "eventId":"<prefix>-<digits>". */
#define ID_DIGITS 12

struct slot {
    uint32_t at, len; /* of the event in the pool's text */
    uint32_t id_at;   /* of its id's digits, in the pool's text */
};

struct bench_events {
    struct strbuf text;
    struct slot *slots;
    uint64_t made;
    uint64_t id_base; /* keeps the ids of two pools apart */
};

/* Finds the id's value and overwrites its tail with digits; the id keeps its length. */
static int find_id(const struct bench_events *e, struct slot *slot)
{
    static const char key[] = "\"eventId\":\"";
    const char *event = e->text.ptr + slot->at;
    const char *id = memmem(event, slot->len, key, sizeof(key) - 1), *end;

    if (!id)
        return -EBADMSG;
    id += sizeof(key) - 1;
    end = memchr(id, '"', slot->len - (size_t)(id - event));
    if (!end || end - id < ID_DIGITS)
        return -EBADMSG;
    slot->id_at = (uint32_t)(end - ID_DIGITS - e->text.ptr);
    return 0;
}

static int fill_pool(struct bench_events *e, uint64_t seed, uint32_t users)
{
    int64_t hour = 3600 * USEC_PER_SEC;
    struct generator_options options = {
        .seed = seed,
        .users = users,
        .campaigns = 1000,
        .source = -1,
        .start_usec = clock_wall_usec() - hour,
        .step_usec = hour / POOL_EVENTS,
        .id_prefix = "bench-000000000000",
    };
    _cleanup_(generator_freep) struct generator *g = generator_new(&options);
    struct generated generated;
    int r;

    if (!g)
        return -ENOMEM;
    for (size_t i = 0; i < POOL_EVENTS; i++) {
        struct slot *slot = &e->slots[i];

        slot->at = (uint32_t)e->text.len;
        r = generator_next(g, &e->text, &generated);
        if (r < 0)
            return r;
        slot->len = (uint32_t)(e->text.len - slot->at);
        r = find_id(e, slot);
        if (r < 0)
            return r;
    }
    return strbuf_error(&e->text);
}

struct bench_events *bench_events_new(uint64_t seed, uint32_t users)
{
    struct bench_events *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    strbuf_init(&e->text, (size_t)POOL_EVENTS * 2048);
    e->id_base = seed % 1000 * UINT64_C(1000000000);
    e->slots = calloc(POOL_EVENTS, sizeof(*e->slots));
    if (!e->slots || fill_pool(e, seed, users) < 0)
        return bench_events_free(e);
    return e;
}

struct bench_events *bench_events_free(struct bench_events *e)
{
    if (!e)
        return NULL;
    strbuf_release(&e->text);
    free(e->slots);
    free(e);
    return NULL;
}

int bench_events_one(struct bench_events *e, struct strbuf *out)
{
    struct slot *slot = &e->slots[e->made % POOL_EVENTS];
    uint64_t id = e->id_base + e->made++;
    char *digit = e->text.ptr + slot->id_at + ID_DIGITS;

    for (int i = 0; i < ID_DIGITS; i++, id /= 10)
        *--digit = (char)('0' + id % 10);
    return strbuf_add(out, e->text.ptr + slot->at, slot->len);
}

int bench_events_array(struct bench_events *e, uint32_t count, bool bulk, struct strbuf *out)
{
    int r;

    (void)strbuf_adds(out, bulk ? "{\"events\":[" : "[");
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            (void)strbuf_addc(out, ',');
        r = bench_events_one(e, out);
        if (r < 0)
            return r;
    }
    return strbuf_adds(out, bulk ? "]}" : "]");
}

uint64_t bench_events_made(const struct bench_events *e)
{
    return e->made;
}

double bench_events_bytes(const struct bench_events *e)
{
    return (double)e->text.len / POOL_EVENTS;
}

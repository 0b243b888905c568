#include "admin/bench/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "load/generator.h"

#define POOL_EVENTS (1u << 19)
/* Where an event's id is counted on: the last digits of "eventId":"<prefix>-<digits>". */
#define ID_DIGITS 12
/* Of a timestamp, what is overwritten: up to its seconds, which always take as much room. */
#define SECONDS_BYTES (sizeof("2026-01-31T12:00:00") - 1)
#define LOOK_AT_CLOCK_EVERY 256 /* events */

struct slot {
    uint32_t at, len; /* of the event in the pool's text */
    uint32_t id_at;   /* of its id's digits, in the pool's text */
    uint32_t time_at;
};

struct bench_events {
    struct strbuf text;
    struct slot *slots;
    uint64_t made;
    uint64_t id_base; /* keeps the ids of two pools apart */
    char now[TIMESTAMP_TEXT_MAX];
};

/* The value of a member whose value is a string. */
static struct span find_text(const struct bench_events *e, const struct slot *slot, struct span key)
{
    const char *event = e->text.ptr + slot->at, *end;
    const char *value = memmem(event, slot->len, key.ptr, key.len);

    if (!value)
        return SPAN_NONE;
    value += key.len;
    end = memchr(value, '"', slot->len - (size_t)(value - event));
    return end ? span_of(value, (size_t)(end - value)) : SPAN_NONE;
}

/* Finds what is overwritten; lengths stay as they are. */
static int find_places(const struct bench_events *e, struct slot *slot)
{
    struct span id = find_text(e, slot, SPAN("\"eventId\":\""));
    struct span time = find_text(e, slot, SPAN("\"timestamp\":\""));

    if (id.len < ID_DIGITS || time.len <= SECONDS_BYTES)
        return -EBADMSG;
    slot->id_at = (uint32_t)(id.ptr + id.len - ID_DIGITS - e->text.ptr);
    slot->time_at = (uint32_t)(time.ptr - e->text.ptr);
    return 0;
}

static int fill_pool(struct bench_events *e, uint64_t seed, uint32_t users)
{
    struct generator_options options = {
        .seed = seed,
        .users = users,
        .campaigns = 1000,
        .source = -1,
        .start_usec = clock_wall_usec(),
        .step_usec = 7, /* fractions of a second that differ */
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
        r = find_places(e, slot);
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
    strbuf_init(&e->text, UINT32_MAX);
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

    if (id % LOOK_AT_CLOCK_EVERY == 0 || !e->now[0])
        (void)timestamp_format(clock_wall_usec(), e->now);
    memcpy(e->text.ptr + slot->time_at, e->now, SECONDS_BYTES);
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

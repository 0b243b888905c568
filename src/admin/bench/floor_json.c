/* The floor of parsing: simdjson over the very bytes that the load sends, one event at a time. */
#include <errno.h>

#include "admin/bench/bench.h"
#include "base/clock.h"
#include "event/event.h"
#include "event/json.h"

#define EVENTS 65536
#define BYTES_MAX ((size_t)256 << 20)

/* Parses every event once; how many there were, or <0. */
static int parse_all(struct json_parser *parser, struct span *events, size_t count)
{
    struct json_value root;
    const char *why;

    for (size_t i = 0; i < count; i++) {
        int r = json_parse(parser, events[i], &root, &why);
        if (r < 0)
            return r;
    }
    return 0;
}

static int make_events(struct bench *b, struct strbuf *text, struct span *events)
{
    size_t at = 0;
    int r;

    r = strbuf_reserve(text, BYTES_MAX - 1);
    if (r < 0)
        return r;
    for (size_t i = 0; i < EVENTS; i++, at = text->len) {
        r = bench_events_one(b->events, text);
        if (r < 0)
            return r;
        events[i] = span_of(text->ptr + at, text->len - at);
    }
    return strbuf_reserve(text, JSON_PADDING);
}

int bench_floor_json(struct bench *b, struct strbuf *err)
{
    struct json_parser *parser = json_parser_new(1 << 17, EVENT_DEPTH_MAX);
    _cleanup_free_ struct span *events = calloc(EVENTS, sizeof(*events));
    _cleanup_strbuf_ struct strbuf text;
    uint64_t started, rounds = 0, took = 0;
    int r = -ENOMEM;

    strbuf_init(&text, BYTES_MAX);
    if (parser && events)
        r = make_events(b, &text, events);
    started = clock_mono_usec();
    while (r == 0 && took < USEC_PER_SEC) {
        r = parse_all(parser, events, EVENTS);
        rounds++;
        took = clock_mono_usec() - started;
    }
    (void)json_parser_free(parser);
    if (r < 0) {
        strbuf_setf(err, "parsing the benchmark's own events failed (%d)", r);
        return r;
    }
    figures_set(&b->figures, "us/event", (double)took / (double)(rounds * EVENTS),
                "floor.simdjson");
    return 0;
}

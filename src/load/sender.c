#include "load/sender.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "event/json.h"
#include "load/answer.h"
#include "load/http_load.h"

#define TROUBLE_MAX 256
#define PAUSE_FIRST_USEC (250 * UINT64_C(1000))
#define PAUSE_LAST_USEC (5 * UINT64_C(1000000))
#define ANSWER_DEPTH_MAX 16

enum request_state { REQUEST_FREE, REQUEST_TAKEN, REQUEST_ON_ITS_WAY, REQUEST_WAITING };

struct sender {
    struct http_load *http;
    struct json_parser *parser;
    struct sender_request *requests;
    uint32_t count;
    struct sender_counts counts;
    char trouble[TROUBLE_MAX];
    void (*answered)(void *ctx, uint64_t took_usec);
    void *ctx;
};

static uint64_t pause_after(const struct sender_request *request, uint32_t retry_after_seconds)
{
    uint64_t pause = PAUSE_FIRST_USEC << MIN(request->tries, 5U);

    if (retry_after_seconds > 0)
        return retry_after_seconds * (uint64_t)USEC_PER_SEC;
    return MIN(pause, PAUSE_LAST_USEC);
}

static void try_again_later(struct sender *s, struct sender_request *request,
                            const struct http_load_result *result)
{
    if (result->status)
        (void)snprintf(s->trouble, sizeof(s->trouble), "HTTP %ld", result->status);
    else
        (void)snprintf(s->trouble, sizeof(s->trouble), "%s", result->error);
    request->due_usec = clock_mono_usec() + pause_after(request, result->retry_after_seconds);
    request->tries++;
    request->state = REQUEST_WAITING;
    s->counts.retries++;
}

static void surprise(struct sender *s, const struct sender_request *request, long status,
                     const struct answer *answer)
{
    s->counts.surprises++;
    (void)snprintf(
        s->trouble, sizeof(s->trouble),
        "HTTP %ld: %u events, %u of them corrupt, but %llu processed and %llu failed%s%s", status,
        request->events, request->corrupt, (unsigned long long)answer->processed,
        (unsigned long long)answer->failed, answer->error[0] ? "; " : "", answer->error);
}

/* 200 and 400 judge event by event; a 400 that lists no event refuses the body as a whole. */
static void count_answer(struct sender *s, const struct sender_request *request,
                         const struct http_load_result *result)
{
    struct answer answer = { 0 };
    int r = answer_parse(s->parser, result->body, &answer);

    s->counts.requests++;
    s->counts.events += request->events;
    if (r == 0 && result->status == 400 && answer.listed > 0)
        answer.failed = request->events;
    if (r < 0 || (result->status != 200 && answer.failed == 0)) {
        s->counts.refused += request->events;
        surprise(s, request, result->status, &answer);
        return;
    }
    s->counts.accepted += answer.processed;
    s->counts.rejected += answer.failed;
    s->counts.duplicates += answer.duplicates;
    if (answer.failed != request->corrupt || answer.processed + answer.failed != request->events)
        surprise(s, request, result->status, &answer);
}

static void on_result(void *ctx, const struct http_load_result *result)
{
    struct sender *s = ctx;
    struct sender_request *request = result->token;

    if (result->status == 0 || result->status == 429 || result->status >= 500) {
        try_again_later(s, request, result);
        return;
    }
    if (s->answered)
        s->answered(s->ctx, result->took_usec);
    count_answer(s, request, result);
    request->state = REQUEST_FREE;
}

static int start(struct sender *s, struct sender_request *request)
{
    int r = http_load_post(s->http, strbuf_span(&request->body), request->correlation_id, request);

    if (r == 0)
        request->state = REQUEST_ON_ITS_WAY;
    return r;
}

/* Starts what has waited long enough; *ret_wait: until the next is due, at most as it was. */
static int start_due(struct sender *s, uint64_t *ret_wait)
{
    uint64_t now = clock_mono_usec();

    for (uint32_t i = 0; i < s->count; i++) {
        struct sender_request *request = &s->requests[i];
        int r;

        if (request->state != REQUEST_WAITING)
            continue;
        if (request->due_usec > now) {
            *ret_wait = MIN(*ret_wait, request->due_usec - now);
            continue;
        }
        r = start(s, request);
        if (r < 0)
            return r;
    }
    return 0;
}

int sender_new(const struct sender_options *options, struct sender **ret, struct strbuf *err)
{
    _cleanup_(sender_freep) struct sender *s = calloc(1, sizeof(*s));
    struct http_load_options http = {
        .url = options->url,
        .content_type = "application/json",
        .connections = MAX(options->connections, 1U),
        .timeout_usec = options->timeout_usec,
        .done = on_result,
        .ctx = s,
    };
    int r;

    strbuf_setf(err, "out of memory");
    if (!s)
        return -ENOMEM;
    s->answered = options->answered;
    s->ctx = options->ctx;
    s->parser = json_parser_new(HTTP_LOAD_ANSWER_MAX, ANSWER_DEPTH_MAX);
    s->requests = calloc(http.connections, sizeof(*s->requests));
    if (!s->parser || !s->requests)
        return -ENOMEM;
    s->count = http.connections;
    for (uint32_t i = 0; i < s->count; i++)
        strbuf_init(&s->requests[i].body, options->body_max_bytes);
    r = http_load_new(&http, &s->http, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(s);
    return 0;
}

struct sender *sender_free(struct sender *s)
{
    if (!s)
        return NULL;
    (void)http_load_free(s->http); /* before the bodies that it borrows */
    for (uint32_t i = 0; i < s->count; i++)
        strbuf_release(&s->requests[i].body);
    free(s->requests);
    (void)json_parser_free(s->parser);
    free(s);
    return NULL;
}

struct sender_request *sender_take(struct sender *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct sender_request *request = &s->requests[i];

        if (request->state != REQUEST_FREE)
            continue;
        strbuf_reset(&request->body);
        request->events = request->corrupt = request->tries = 0;
        request->state = REQUEST_TAKEN;
        uuid_random(request->correlation_id);
        return request;
    }
    return NULL;
}

int sender_send(struct sender *s, struct sender_request *request)
{
    return start(s, request);
}

int sender_poll(struct sender *s, uint64_t timeout_usec)
{
    uint64_t wait = timeout_usec;
    int r = start_due(s, &wait);

    if (r < 0)
        return r;
    return http_load_poll(s->http, wait);
}

uint32_t sender_open(const struct sender *s)
{
    uint32_t open = 0;

    for (uint32_t i = 0; i < s->count; i++)
        open += s->requests[i].state >= REQUEST_ON_ITS_WAY;
    return open;
}

uint64_t sender_open_events(const struct sender *s)
{
    uint64_t events = 0;

    for (uint32_t i = 0; i < s->count; i++)
        if (s->requests[i].state >= REQUEST_ON_ITS_WAY)
            events += s->requests[i].events;
    return events;
}

const struct sender_counts *sender_counts_of(const struct sender *s)
{
    return &s->counts;
}

const char *sender_trouble(const struct sender *s)
{
    return s->trouble;
}

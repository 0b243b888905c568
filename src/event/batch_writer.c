/* A run's count is known when the run ends: its context line holds room for it, in spaces, which
 * JSON ignores. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "event/batch.h"
#include "event/sha256.h"

#define COUNT_DIGITS 6 /* more lines do not fit into BATCH_BYTES_MAX */
#define COUNT_ROOM "      "
#define CONTEXT_END "}\n"
#define TOTALS_BYTES_MAX 64
/* An escaped byte takes six; the rest of the line takes less than 100, without the totals. */
#define CONTEXT_BYTES_MAX (6 * BATCH_CORRELATION_MAX + 100 + TOTALS_BYTES_MAX)

_Static_assert(sizeof(COUNT_ROOM) == COUNT_DIGITS + 1, "room for the digits");

int batch_writer_init(struct batch_writer *w)
{
    *w = (struct batch_writer){ .digest = malloc(sizeof(struct sha256)) };
    strbuf_init(&w->payload, BATCH_BYTES_MAX);
    if (!w->digest)
        return -ENOMEM;
    sha256_init(w->digest);
    return 0;
}

void batch_writer_release(struct batch_writer *w)
{
    strbuf_release(&w->payload);
    free(w->digest);
    w->digest = NULL;
}

void batch_writer_reset(struct batch_writer *w)
{
    strbuf_reset(&w->payload);
    w->events = 0;
    w->run_count = 0;
    w->count_at = 0;
    w->lines_at = 0;
    sha256_init(w->digest);
}

bool batch_writer_fits(const struct batch_writer *w, size_t event_bytes)
{
    return event_bytes < BATCH_BYTES_MAX &&
           w->payload.len + CONTEXT_BYTES_MAX + event_bytes + 1 <= BATCH_BYTES_MAX;
}

/* Writes the count into its place and digests the run's lines. */
static void close_run(struct batch_writer *w)
{
    struct strbuf *payload = &w->payload;
    uint32_t rest = w->run_count;

    if (!w->count_at)
        return;
    for (size_t i = COUNT_DIGITS; i > 0 && (rest || i == COUNT_DIGITS); i--, rest /= 10)
        payload->ptr[w->count_at + i - 1] = (char)('0' + rest % 10);
    sha256_update(w->digest, payload->ptr + w->lines_at, payload->len - w->lines_at);
    w->count_at = 0;
    w->run_count = 0;
}

int batch_writer_run(struct batch_writer *w, struct span correlation_id, int64_t received_usec)
{
    char when[TIMESTAMP_TEXT_MAX];
    struct json_out j;
    size_t count_at;

    close_run(w);
    json_out_init(&j, &w->payload);
    json_object(&j);
    json_key(&j, "correlationId");
    json_string(&j, correlation_id);
    json_key(&j, "receivedAt");
    json_string(&j, timestamp_format(received_usec, when));
    json_key(&j, "count");
    count_at = w->payload.len;
    (void)strbuf_adds(&w->payload, COUNT_ROOM CONTEXT_END);
    if (strbuf_error(&w->payload))
        return strbuf_error(&w->payload);
    w->count_at = count_at;
    w->lines_at = w->payload.len;
    return 0;
}

int batch_writer_totals(struct batch_writer *w, uint32_t accepted, uint32_t rejected)
{
    size_t at = w->lines_at - strlen(CONTEXT_END), rest = w->payload.len - at;
    char text[TOTALS_BYTES_MAX];
    int len = snprintf(text, sizeof(text), ",\"accepted\":%" PRIu32 ",\"rejected\":%" PRIu32,
                       accepted, rejected);
    int r = strbuf_reserve(&w->payload, (size_t)len);

    if (r < 0)
        return r;
    memmove(w->payload.ptr + at + len, w->payload.ptr + at, rest);
    memcpy(w->payload.ptr + at, text, (size_t)len);
    w->payload.len += (size_t)len;
    w->lines_at += (size_t)len;
    return 0;
}

int batch_writer_event(struct batch_writer *w, struct span raw)
{
    int r = strbuf_reserve(&w->payload, raw.len + 1);

    if (r < 0)
        return r;
    (void)strbuf_addspan(&w->payload, raw);
    (void)strbuf_addc(&w->payload, '\n');
    w->events++;
    w->run_count++;
    return 0;
}

int batch_writer_finish(struct batch_writer *w, struct span *ret_payload,
                        char ret_digest[BATCH_DIGEST_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t digest[SHA256_BYTES];

    if (strbuf_error(&w->payload))
        return strbuf_error(&w->payload);
    close_run(w);
    sha256_final(w->digest, digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        ret_digest[2 * i] = hex[digest[i] >> 4];
        ret_digest[2 * i + 1] = hex[digest[i] & 15];
    }
    ret_digest[2 * sizeof(digest)] = '\0';
    *ret_payload = strbuf_span(&w->payload);
    return 0;
}

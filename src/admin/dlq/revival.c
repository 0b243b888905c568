#include "admin/dlq/revival.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bus/dead_letter.h"
#include "event/json.h"

int revival_init(struct revival *v, uint64_t event_max_bytes)
{
    int r = batch_writer_init(&v->writer);

    strbuf_init(&v->bytes, DEAD_LETTER_BYTES_MAX + JSON_PADDING);
    v->decoder = event_decoder_new(VALIDATION_LENIENT, event_max_bytes);
    return v->decoder ? r : -ENOMEM;
}

void revival_release(struct revival *v)
{
    v->decoder = event_decoder_free(v->decoder);
    batch_writer_release(&v->writer);
    strbuf_release(&v->bytes);
}

/* Line ends between an event's tokens become spaces, as in the gateway: within strings a valid
 * event has none. */
static int copy_bytes(struct revival *v, struct span bytes)
{
    strbuf_reset(&v->bytes);
    (void)strbuf_addspan(&v->bytes, bytes);
    if (strbuf_reserve(&v->bytes, JSON_PADDING) < 0 || strbuf_error(&v->bytes))
        return -ENOMEM;
    memset(v->bytes.ptr + v->bytes.len, 0, JSON_PADDING);
    return 0;
}

static struct span one_line(struct span raw, struct strbuf *bytes)
{
    for (size_t i = 0; i < bytes->len; i++)
        if (bytes->ptr[i] == '\n' || bytes->ptr[i] == '\r')
            bytes->ptr[i] = ' ';
    return raw;
}

static struct span correlation_of(const struct letter *letter)
{
    struct span id = span_str(letter->correlation_id);

    if (id.len == 0 || id.len > BATCH_CORRELATION_MAX)
        return SPAN("requeued");
    for (size_t i = 0; i < id.len; i++)
        if (id.ptr[i] < 0x20 || id.ptr[i] > 0x7e)
            return SPAN("requeued");
    return id;
}

static int64_t received_of(const struct letter *letter)
{
    int64_t usec;

    return timestamp_parse(span_str(letter->received), &usec) == 0 ? usec
                                                                   : letter->stored_nsec / 1000;
}

static int write_message(struct revival *v, const struct letter *letter, struct span raw,
                         struct span *ret_payload)
{
    char digest[BATCH_DIGEST_BYTES];
    int r;

    batch_writer_reset(&v->writer);
    r = batch_writer_run(&v->writer, correlation_of(letter), received_of(letter));
    if (r == 0)
        r = batch_writer_event(&v->writer, raw);
    if (r == 0)
        r = batch_writer_finish(&v->writer, ret_payload, digest);
    return r;
}

static int refuse(struct revival_fault *fault, const char *pointer, const char *detail)
{
    *fault = (struct revival_fault){ .pointer = pointer, .detail = detail };
    return -EBADMSG;
}

int revival_of(struct revival *v, const struct letter *letter, int64_t now_usec,
               struct revived *ret, struct revival_fault *ret_fault)
{
    struct event_fault fault;
    struct event ev;
    int r;

    if (letter->cut)
        return refuse(ret_fault, "", "too large to be kept whole: it was cut at 512 KiB");
    r = copy_bytes(v, letter->delivery->payload);
    if (r < 0)
        return r;
    r = event_decode(v->decoder, strbuf_span(&v->bytes), now_usec, &ev, &fault);
    if (r == -EBADMSG)
        return refuse(ret_fault, fault.pointer, fault.expected);
    if (r < 0)
        return r;
    r = write_message(v, letter, one_line(ev.raw, &v->bytes), &ret->payload);
    if (r == -ENOBUFS)
        return refuse(ret_fault, "", "larger than a message may be");
    (void)snprintf(ret->subject, sizeof(ret->subject), BUS_EVENTS_PREFIX "%s.%s",
                   event_source_names[ev.source], event_stage_names[ev.stage]);
    (void)snprintf(ret->msg_id, sizeof(ret->msg_id), "requeue/%" PRIu64 "/%" PRId64, letter->seq,
                   letter->stored_nsec);
    return r;
}

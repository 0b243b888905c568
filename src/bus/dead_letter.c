#include "bus/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "bus/bus.h"

static void add(struct dead_letter_message *m, const char *name, struct span value)
{
    if (!value.ptr)
        return;
    m->headers[m->message.header_count++] = (struct bus_header){ name, value };
}

static struct span print_u64(char *buf, size_t size, uint64_t n)
{
    return span_of(buf, (size_t)snprintf(buf, size, "%" PRIu64, n));
}

static void set_subject(const struct dead_letter *letter, struct dead_letter_message *m)
{
    if (letter->unreadable)
        (void)snprintf(m->subject, sizeof(m->subject), BUS_UNREADABLE_SUBJECT);
    else
        (void)snprintf(m->subject, sizeof(m->subject), BUS_DLQ_PREFIX "%s",
                       letter->source ? letter->source : "unknown");
}

void dead_letter_message_of(const struct dead_letter *letter, struct dead_letter_message *ret)
{
    set_subject(letter, ret);
    ret->message = (struct bus_message){
        .subject = ret->subject,
        .payload =
            span_of(letter->bytes.ptr, MIN(letter->bytes.len, (size_t)DEAD_LETTER_BYTES_MAX)),
        .msg_id = letter->msg_id,
        .headers = ret->headers,
    };
    add(ret, DLQ_HEADER_REASON, span_str(letter->reason));
    add(ret, DLQ_HEADER_DETAIL, span_str(letter->detail));
    add(ret, DLQ_HEADER_POINTER, span_str(letter->pointer));
    add(ret, DLQ_HEADER_CORRELATION, letter->correlation_id);
    add(ret, DLQ_HEADER_ORIGIN, span_str(letter->origin));
    add(ret, DLQ_HEADER_INDEX, print_u64(ret->index, sizeof(ret->index), letter->index));
    add(ret, DLQ_HEADER_RECEIVED, timestamp_format(letter->received_usec, ret->received));
    add(ret, DLQ_HEADER_BYTES, print_u64(ret->bytes, sizeof(ret->bytes), letter->bytes.len));
}

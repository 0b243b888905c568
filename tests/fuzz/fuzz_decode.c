/* Decoding at both levels: no crash, no read past the padding, a verdict that is complete, and what
 * strict accepts lenient accepts as the same event. */
#include <errno.h>

#include "base/clock.h"
#include "event/decode.h"
#include "fuzz.h"

#define MAX_BYTES (128 * 1024)
#define NOW (INT64_C(1769860800) * USEC_PER_SEC)

static void check_event(const struct event *ev)
{
    struct event_key key;

    EXPECT(ev->source < SOURCE_COUNT && ev->stage < STAGE_COUNT);
    EXPECT(event_type_of_source(ev->source, ev->type));
    EXPECT(ev->event_id.len >= 1 && ev->event_id.len <= EVENT_ID_MAX);
    EXPECT(!memchr(ev->event_id.ptr, '\0', ev->event_id.len));
    EXPECT(ev->timestamp_usec >= EVENT_MIN_USEC);
    EXPECT(ev->timestamp_usec <= NOW + EVENT_AHEAD_MAX_USEC);
    EXPECT(ev->engagement.amount_cents >= 0);
    EXPECT(strlen(ev->engagement.currency) == 3);
    EXPECT(!memchr(ev->raw.ptr, '\0', ev->raw.len));
    event_key_of(ev->source, ev->event_id, &key);
    (void)event_payload_digest(ev->raw);
}

static int decode(enum event_validation level, struct span text, struct event_decoder **decoder,
                  struct event *ret_event)
{
    struct event_fault fault;
    int r;

    if (!*decoder)
        *decoder = event_decoder_new(level, MAX_BYTES);
    EXPECT(*decoder);
    r = event_decode(*decoder, text, NOW, ret_event, &fault);
    if (r == 0) {
        check_event(ret_event);
        return 0;
    }
    EXPECT(r == -EBADMSG && fault.reason && fault.pointer && fault.expected);
    EXPECT(strncmp(fault.expected, "expected ", 9) == 0 ||
           strncmp(fault.expected, "missing, ", 9) == 0);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct event_decoder *lenient, *strict;
    _cleanup_free_ char *text = fuzz_padded(data, size);
    struct event a, b;
    int loose = decode(VALIDATION_LENIENT, span_of(text, size), &lenient, &a);

    if (decode(VALIDATION_STRICT, span_of(text, size), &strict, &b) == 0) {
        EXPECT(loose == 0);
        EXPECT(span_eq(a.event_id, b.event_id) && a.timestamp_usec == b.timestamp_usec);
        EXPECT(a.engagement.amount_cents == b.engagement.amount_cents);
    }
    return 0;
}

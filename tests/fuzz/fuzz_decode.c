/* Decoding at both levels: no crash, no read past the padding, a verdict that is complete, and what
 * strict accepts lenient accepts as the same event. Against the contract written a second time over
 * jansson's view (contract.h): the same events are accepted, with the same values, and what a fault
 * says about the document is true. */
#include <errno.h>

#include "base/clock.h"
#include "contract.h"
#include "event/decode.h"
#include "fuzz.h"
#include "jansson_view.h"
#include "scan_integers.h"

#define MAX_BYTES (128 * 1024)
#define DEPTH_MAX 64 /* docs/events.md */
#define NOW (INT64_C(1769860800) * USEC_PER_SEC)

struct verdict_of_level {
    int r;
    struct event event;
    struct event_fault fault;
};

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

static void decode(enum event_validation level, struct span text, struct event_decoder **decoder,
                   struct verdict_of_level *v)
{
    if (!*decoder)
        *decoder = event_decoder_new(level, MAX_BYTES);
    EXPECT(*decoder);
    v->r = event_decode(*decoder, text, NOW, &v->event, &v->fault);
    if (v->r == 0) {
        check_event(&v->event);
        return;
    }
    EXPECT(v->r == -EBADMSG && v->fault.reason && v->fault.pointer && v->fault.expected);
    EXPECT(strncmp(v->fault.expected, "expected ", 9) == 0 ||
           strncmp(v->fault.expected, "missing, ", 9) == 0);
}

static bool is(const struct event_fault *fault, const char *reason)
{
    return strcmp(fault->reason, reason) == 0;
}

/* No JSON, or JSON beyond the limits on any event. Of a key given twice jansson has forgotten a
 * value, which may be the one. */
static void check_unreadable(struct jansson *doc, struct span text, bool repeated)
{
    EXPECT(!doc || repeated || jansson_depth(doc) > DEPTH_MAX || jansson_has_nul(doc) ||
           has_huge_integer(text) || memchr(text.ptr, '\0', text.len));
}

static void check_place(struct jansson *doc, const struct event_fault *fault)
{
    char parent[128];
    char *slash;

    (void)snprintf(parent, sizeof(parent), "%s", fault->pointer);
    slash = strrchr(parent, '/');
    if (slash)
        *slash = '\0';
    if (is(fault, "missing_field"))
        EXPECT(slash && jansson_at(doc, fault->pointer).kind == JANSSON_NONE);
    else
        EXPECT(jansson_at(doc, fault->pointer).kind != JANSSON_NONE);
    EXPECT(!slash || jansson_at(doc, parent).kind == JANSSON_OBJECT);
    if (is(fault, "out_of_range") || is(fault, "bad_format") || is(fault, "unknown_value"))
        EXPECT(jansson_at(doc, fault->pointer).kind == JANSSON_STRING ||
               jansson_at(doc, fault->pointer).kind == JANSSON_NUMBER);
}

static void check_fault(struct jansson *doc, struct span text, bool repeated,
                        const struct event_fault *fault)
{
    if (is(fault, "too_large"))
        EXPECT(text.len > MAX_BYTES);
    else if (is(fault, "invalid_json"))
        check_unreadable(doc, text, repeated);
    else if (is(fault, "duplicate_key"))
        EXPECT(repeated || !doc);
    else if (doc && !repeated)
        check_place(doc, fault);
    if (!doc && !is(fault, "too_large") && !is(fault, "invalid_json"))
        EXPECT(jansson_verdict(text.ptr, text.len) == VERDICT_CANNOT_SAY);
    if (doc && !repeated && fault->event_id.ptr)
        EXPECT(span_eq(fault->event_id, jansson_at(doc, "/eventId").text));
}

/* Whether the document keeps the limits on any event. */
static bool is_within_limits(struct jansson *doc, struct span text)
{
    return text.len <= MAX_BYTES && jansson_depth(doc) <= DEPTH_MAX && !jansson_has_nul(doc) &&
           !has_huge_integer(text) && !memchr(text.ptr, '\0', text.len);
}

static void check_against_contract(struct span text, const struct verdict_of_level *lenient,
                                   const struct verdict_of_level *strict)
{
    struct jansson *doc = jansson_open(text.ptr, text.len);
    bool repeated = jansson_repeats(text.ptr, text.len);

    if (lenient->r < 0)
        check_fault(doc, text, repeated, &lenient->fault);
    else
        EXPECT(doc);
    if (strict->r < 0)
        check_fault(doc, text, repeated, &strict->fault);
    /* Twice is an error for the fields we read only: then it is not said here what must be. */
    if (doc && !repeated) {
        EXPECT((lenient->r == 0) == (is_within_limits(doc, text) && contract_holds(doc, NOW)));
        if (lenient->r == 0)
            contract_check(doc, &lenient->event);
    }
    jansson_close(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct event_decoder *decoders[VALIDATION_COUNT];
    _cleanup_free_ char *text = fuzz_padded(data, size);
    struct verdict_of_level lenient, strict;

    decode(VALIDATION_LENIENT, span_of(text, size), &decoders[VALIDATION_LENIENT], &lenient);
    decode(VALIDATION_STRICT, span_of(text, size), &decoders[VALIDATION_STRICT], &strict);
    if (strict.r == 0) {
        EXPECT(lenient.r == 0);
        EXPECT(span_eq(lenient.event.event_id, strict.event.event_id));
        EXPECT(lenient.event.timestamp_usec == strict.event.timestamp_usec);
        EXPECT(lenient.event.engagement.amount_cents == strict.event.engagement.amount_cents);
    }
    check_against_contract(span_trim(span_of(text, size)), &lenient, &strict);
    return 0;
}

/* Decodes one event text and compares what came out with what a table row expects. */
#pragma once

#include <stdio.h>

#include "base/clock.h"
#include "event/decode.h"
#include "unit/event/padded.h"

#define NOW INT64_C(1769860800000000) /* 2026-01-31T12:00:00Z */
#define MAX_BYTES 4096

/* The decoder and the copied text stay alive: the event's spans point into them. */
struct decoded {
    struct event_decoder *decoder;
    char *text;
    int result;
    struct event event;
    struct event_fault fault;
};

static inline struct decoded decode(enum event_validation validation, struct span text)
{
    struct decoded d = {
        .decoder = event_decoder_new(validation, MAX_BYTES),
        .text = padded_copy(text),
    };

    assert_non_null(d.decoder);
    d.result = event_decode(d.decoder, span_of(d.text, text.len), NOW, &d.event, &d.fault);
    return d;
}

static inline void decoded_release(struct decoded *d)
{
    free(d->text);
    d->decoder = event_decoder_free(d->decoder);
}

#define _cleanup_decoded_ _cleanup_(decoded_release)

/* reason NULL: the event is good. */
struct verdict {
    const char *reason, *pointer, *expected;
};

static inline void check_verdict(enum event_validation validation, const char *text,
                                 const struct verdict *v)
{
    _cleanup_decoded_ struct decoded d = decode(validation, span_str(text));

    if (!v->reason) {
        if (d.result != 0)
            fail_msg("%s\n refused: %s %s %s", text, d.fault.reason, d.fault.pointer,
                     d.fault.expected);
        return;
    }
    if (d.result == 0)
        fail_msg("%s\n accepted, though %s %s", text, v->reason, v->pointer);
    assert_string_equal(d.fault.reason, v->reason);
    assert_string_equal(d.fault.pointer, v->pointer);
    if (v->expected)
        assert_string_equal(d.fault.expected, v->expected);
}

/* Replaces the first `from` in `text`. */
static inline char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    size_t size = strlen(text) + strlen(to) + 1;
    char *out = malloc(size);

    if (!at || !out) {
        free(out);
        fail_msg("no %s in %s", from, text);
        return NULL;
    }
    (void)snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

#define FB_ENVELOPE                                                                                \
    "{\"eventId\":\"fb-1\",\"timestamp\":\"2026-01-31T11:00:00.5Z\",\"source\":\"facebook\","
#define FB_USER                                                                                    \
    "\"user\":{\"userId\":\"u\",\"name\":\"Ann\",\"age\":33,\"gender\":\"female\","                \
    "\"location\":{\"country\":\"DE\",\"city\":\"Berlin\"}}"
#define FB_TOP                                                                                     \
    FB_ENVELOPE "\"funnelStage\":\"top\",\"eventType\":\"ad.view\",\"data\":{" FB_USER             \
                ",\"engagement\":{\"actionTime\":\"2026-01-31T11:00:00Z\","                        \
                "\"referrer\":\"groups\",\"videoId\":null}}}"
#define FB_BOTTOM                                                                                  \
    FB_ENVELOPE                                                                                    \
    "\"funnelStage\":\"bottom\",\"eventType\":\"ad.click\",\"data\":{" FB_USER                     \
    ",\"engagement\":{\"adId\":\"ad\",\"campaignId\":\"c\",\"clickPosition\":\"center\","          \
    "\"device\":\"mobile\",\"browser\":\"Chrome\",\"purchaseAmount\":\"12.50\"}}}"
#define TT_ENVELOPE                                                                                \
    "{\"eventId\":\"tt-1\",\"timestamp\":\"2026-01-31T12:00:00+01:00\",\"source\":\"tiktok\","
#define TT_USER "\"user\":{\"userId\":\"u\",\"username\":\"ann\",\"followers\":1000}"
#define TT_TOP                                                                                     \
    TT_ENVELOPE "\"funnelStage\":\"top\",\"eventType\":\"like\",\"data\":{" TT_USER                \
                ",\"engagement\":{\"watchTime\":1.5,\"percentageWatched\":100,"                    \
                "\"device\":\"iOS\",\"country\":\"FR\",\"videoId\":\"v\"}}}"
#define TT_BOTTOM                                                                                  \
    TT_ENVELOPE "\"funnelStage\":\"bottom\",\"eventType\":\"purchase\",\"data\":{" TT_USER         \
                ",\"engagement\":{\"actionTime\":\"2026-01-31T11:00:00Z\",\"profileId\":null,"     \
                "\"purchasedItem\":\"thing\",\"purchaseAmount\":null}}}"

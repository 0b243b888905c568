/*
 * The event: what a publisher sends us, after validation. Names of the enum values are the words on
 * the wire. The contract of the fields stands in docs/events.md.
 *
 * A struct event owns nothing: its spans point into the body it was decoded from or into the
 * decoder that filled it (event/decode.h says until when).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum event_source { SOURCE_FACEBOOK, SOURCE_TIKTOK, SOURCE_COUNT };
enum event_stage { STAGE_TOP, STAGE_BOTTOM, STAGE_COUNT };

enum event_type {
    TYPE_AD_VIEW,
    TYPE_PAGE_LIKE,
    TYPE_COMMENT,
    TYPE_VIDEO_VIEW,
    TYPE_AD_CLICK,
    TYPE_FORM_SUBMISSION,
    TYPE_CHECKOUT_COMPLETE,
    TYPE_LIKE,
    TYPE_SHARE,
    TYPE_PROFILE_VISIT,
    TYPE_PURCHASE,
    TYPE_FOLLOW,
    TYPE_COUNT
};

enum event_gender { GENDER_MALE, GENDER_FEMALE, GENDER_NON_BINARY, GENDER_COUNT };

extern const char *const event_source_names[SOURCE_COUNT];
extern const char *const event_stage_names[STAGE_COUNT];
extern const char *const event_type_names[TYPE_COUNT];
extern const char *const event_gender_names[GENDER_COUNT];

/* The index of `text` among `count` names, or -1. */
int event_name_find(const char *const *names, int count, struct span text);

/* Whether `type` exists for the source at all, and for this stage of it. */
bool event_type_of_source(enum event_source source, enum event_type type);
bool event_type_of_stage(enum event_source source, enum event_stage stage, enum event_type type);

/* Bounds, in bytes unless the name says otherwise. */
#define EVENT_ID_MAX 200
#define EVENT_NAME_MAX 500
#define EVENT_TEXT_MAX 200
#define EVENT_DEPTH_MAX 64
#define EVENT_AGE_MAX 150
#define EVENT_FOLLOWERS_MAX INT64_C(9007199254740991) /* 2^53 - 1 */
#define EVENT_AHEAD_MAX_USEC (INT64_C(86400) * 1000000)
#define EVENT_MIN_USEC (INT64_C(946684800) * 1000000) /* 2000-01-01T00:00:00Z */

/* SHA-256 over (source name, 0x00, eventId), its first 128 bits: identity over all partitions. */
#define EVENT_KEY_BYTES 16
struct event_key {
    uint8_t bytes[EVENT_KEY_BYTES];
};

struct event_user {
    struct span user_id;
    struct span name;    /* facebook name, tiktok username */
    struct span country; /* facebook: data.user.location */
    struct span city;
    double age;               /* facebook; NAN for tiktok */
    enum event_gender gender; /* facebook; GENDER_COUNT for tiktok */
    int64_t followers;        /* tiktok; -1 for facebook */
};

/* What the store uses of data.engagement. A span with ptr NULL was absent or null. */
struct event_engagement {
    struct span campaign_id;
    struct span ad_id;
    struct span video_id;
    struct span device;
    struct span country; /* tiktok top */
    bool has_amount;
    int64_t amount_cents; /* purchaseAmount in hundredths; exact */
    char currency[4];     /* ISO 4217, NUL-terminated; "USD" when absent */
};

struct event {
    struct span raw; /* the event's own bytes, without surrounding white space */
    struct span event_id;
    int64_t timestamp_usec; /* UTC */
    enum event_source source;
    enum event_stage stage;
    enum event_type type;
    struct event_user user;
    struct event_engagement engagement;
};

/* A checkout.complete, a purchase, or anything with an amount. */
static inline bool event_is_revenue(const struct event *ev)
{
    return ev->engagement.has_amount || ev->type == TYPE_CHECKOUT_COMPLETE ||
           ev->type == TYPE_PURCHASE;
}

/* The event's key. Thread-safe. */
void event_key_of(enum event_source source, struct span event_id, struct event_key *ret_key);

/* A 64-bit digest of the event's payload with the white space outside strings removed: two events
 * with one key and different digests are a conflict. Thread-safe. */
uint64_t event_payload_digest(struct span raw);

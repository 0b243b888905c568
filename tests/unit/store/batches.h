/*
 * Batches for tests: events made of a few numbers, whose JSON carries what the derived tables must
 * hold, so that each table can be recounted from processed_events by SQL (batches_recount()).
 */
#pragma once

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/macros.h"
#include "event/event.h"
#include "store/writer.h"
#include "unit/store/pg_server.h"

#define BATCH_EVENTS_MAX 20000
#define BATCH_MESSAGES_MAX 2000
#define DAY_ZERO (INT64_C(1767225600) * USEC_PER_SEC) /* 2026-01-01T00:00:00Z */

struct test_batch {
    struct arena arena;
    struct store_batch batch;
};

static inline void test_batch_init(struct test_batch *b)
{
    arena_init(&b->arena, 1 << 20, 1 << 28);
    b->batch = (struct store_batch){
        .messages = arena_array(&b->arena, struct store_message, BATCH_MESSAGES_MAX),
        .events = arena_array(&b->arena, struct store_event, BATCH_EVENTS_MAX),
        .runs = arena_array(&b->arena, struct store_run, BATCH_MESSAGES_MAX),
    };
}

static inline void test_batch_release(struct test_batch *b)
{
    arena_release(&b->arena);
}
#define _cleanup_batch_ _cleanup_(test_batch_release)

static inline struct store_message *add_message(struct test_batch *b, uint64_t seq)
{
    struct store_message *m = &b->batch.messages[b->batch.message_count++];

    if (b->batch.message_count > BATCH_MESSAGES_MAX)
        abort();
    *m = (struct store_message){ .stream = "TEST_EVENTS",
                                 .seq = seq,
                                 .stored_nsec = 1767225600123456789 + (int64_t)seq };
    b->batch.runs[b->batch.message_count - 1] =
        (struct store_run){ .correlation_id = SPAN("correlation-1"),
                            .received_usec = DAY_ZERO + 5,
                            .accepted = -1,
                            .rejected = -1,
                            .message = (uint32_t)b->batch.message_count - 1 };
    b->batch.run_count = b->batch.message_count;
    return m;
}

/* What an event is made of. */
struct test_event {
    unsigned id;
    unsigned version; /* of its payload: 0 and 1 conflict */
    enum event_source source;
    int64_t usec; /* since DAY_ZERO */
    unsigned user;
    unsigned attributes;  /* picks name, age, ... */
    bool country;         /* tiktok: whether it names one */
    int64_t cents;        /* -1 = no amount */
    const char *currency; /* NULL = USD */
    const char *campaign; /* NULL = none */
    enum event_type type;
};

PRINTF_LIKE(2, 3) static inline struct span test_text(struct arena *a, const char *format, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    return arena_span(a, span_str(text));
}

static inline uint64_t mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static inline void test_key(unsigned id, enum event_source source, struct event_key *ret)
{
    uint64_t words[2] = { mix64(id * 2 + source), mix64(~(uint64_t)id) };

    memcpy(ret->bytes, words, sizeof(words));
}

static const char *const test_countries[] = { "Ukraine", "Poland", "Österreich", "España",
                                              "日本",    "Chad",   "Fiji",       "Iran",
                                              "Iraq",    "Mali",   "Oman",       "Peru" };
static const char *const test_cities[] = { "Kyiv", "Warsaw", "Linz", "O'Hara \"x\"" };

static const char *const test_devices[] = { NULL, "mobile", "", "iOS", "desktop" };

static inline void fill_user(struct arena *a, const struct test_event *t, struct event *ev)
{
    bool facebook = t->source == SOURCE_FACEBOOK;
    struct span country = span_str(test_countries[t->attributes % ARRAY_SIZE(test_countries)]);

    ev->user = (struct event_user){
        .user_id = test_text(a, "user-%u", t->user),
        .name = test_text(a, "name %u", t->attributes),
        .age = facebook ? (double)(t->attributes % 90) + 0.5 : NAN,
        .gender = (enum event_gender)(t->attributes % GENDER_COUNT),
        .followers = facebook ? -1 : (int64_t)pow(10, t->attributes % 8) - 1,
    };
    if (facebook) {
        ev->user.country = country;
        ev->user.city = span_str(test_cities[t->attributes % ARRAY_SIZE(test_cities)]);
    } else if (t->country) {
        ev->engagement.country = country;
    }
}

static inline const char *json_or_null(struct arena *a, struct span s)
{
    struct strbuf quoted;
    char *copy;

    if (!s.ptr)
        return "null";
    strbuf_init(&quoted, 1 << 16);
    (void)strbuf_addc(&quoted, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            (void)strbuf_addc(&quoted, '\\');
        (void)strbuf_addc(&quoted, s.ptr[i]);
    }
    (void)strbuf_addc(&quoted, '"');
    copy = arena_strndup(a, quoted.ptr, quoted.len);
    strbuf_release(&quoted);
    return copy;
}

static inline struct span test_raw(struct arena *a, const struct test_event *t,
                                   const struct event *ev)
{
    bool facebook = t->source == SOURCE_FACEBOOK;
    const struct event_user *u = &ev->user;

    return test_text(
        a,
        "{\"eventId\":\"e%u\",\"v\":%u,\"name\":%s,\"age\":%s,\"gender\":%s,\"city\":%s,"
        "\"followers\":%s,\"country\":%s,\"amount\":%s,\"currency\":\"%s\","
        "\"data\":{\"user\":{\"location\":{\"country\":%s}},"
        "\"engagement\":{\"country\":%s,\"device\":%s}}}",
        t->id, t->version, json_or_null(a, u->name),
        facebook ? test_text(a, "%.1f", u->age).ptr : "null",
        facebook ? json_or_null(a, span_str(event_gender_names[u->gender])) : "null",
        json_or_null(a, u->city),
        facebook ? "null" : test_text(a, "%lld", (long long)u->followers).ptr,
        json_or_null(a, facebook ? u->country : ev->engagement.country),
        t->cents < 0
            ? "null"
            : test_text(a, "\"%lld.%02d\"", (long long)(t->cents / 100), (int)(t->cents % 100)).ptr,
        ev->engagement.currency, json_or_null(a, ev->user.country),
        json_or_null(a, ev->engagement.country), json_or_null(a, ev->engagement.device));
}

/* Adds an event to the newest message. */
static inline struct store_event *add_event(struct test_batch *b, const struct test_event *t)
{
    struct store_event *se = &b->batch.events[b->batch.event_count++];
    struct store_message *m = &b->batch.messages[b->batch.message_count - 1];
    struct event *ev = &se->event;

    if (b->batch.event_count > BATCH_EVENTS_MAX)
        abort();
    *se = (struct store_event){
        .digest = mix64(t->version),
        .correlation_id = SPAN("correlation-1"),
        .received_usec = DAY_ZERO + 5,
        .message = (uint32_t)b->batch.message_count - 1,
        .run = (uint32_t)b->batch.message_count - 1,
        .index = m->events++,
    };
    b->batch.runs[se->run].events++;
    test_key(t->id, t->source, &se->key);
    ev->event_id = test_text(&b->arena, "e%u", t->id);
    ev->timestamp_usec = DAY_ZERO + t->usec;
    ev->source = t->source;
    ev->type = t->type;
    ev->stage = t->id % 2 ? STAGE_TOP : STAGE_BOTTOM;
    ev->engagement.campaign_id = span_str(t->campaign);
    ev->engagement.device = span_str(test_devices[t->attributes % ARRAY_SIZE(test_devices)]);
    ev->engagement.has_amount = t->cents >= 0;
    ev->engagement.amount_cents = MAX(t->cents, 0);
    (void)snprintf(ev->engagement.currency, sizeof(ev->engagement.currency), "%s",
                   t->currency ? t->currency : "USD");
    fill_user(&b->arena, t, ev);
    ev->raw = test_raw(&b->arena, t, ev);
    return se;
}

/* As the collector does it with one that can never be stored. */
static inline void mark_dead(struct test_batch *b, struct store_event *se)
{
    se->dead = true;
    b->batch.messages[se->message].dead++;
    b->batch.runs[se->run].dead++;
}

/* Events of the newest message that could not be read: all that is left of them. */
static inline void add_unread(struct test_batch *b, uint32_t count)
{
    struct store_message *m = &b->batch.messages[b->batch.message_count - 1];
    struct store_run *run = &b->batch.runs[b->batch.run_count - 1];

    m->events += count;
    m->dead += count;
    run->events += count;
    run->dead += count;
}

/* A plain event of a user. */
static inline struct store_event *add_plain(struct test_batch *b, unsigned id)
{
    return add_event(b, &(struct test_event){ .id = id, .user = id % 7, .cents = -1, .usec = id });
}

/* What an event is depends on its id only: the same id again is a true duplicate. */
static inline struct test_event event_of_id(unsigned id, unsigned users)
{
    static const char *const campaigns[] = { NULL, "", "spring", "autumn", "unknown", "a\"b" };
    static const char *const currencies[] = { NULL, "USD", "EUR" };
    unsigned own = id * 2654435761u + 1;
    struct test_event t = { .id = id };

    t.source = (enum event_source)(rand_r(&own) % SOURCE_COUNT);
    t.user = (unsigned)rand_r(&own) % users;
    t.usec = (int64_t)(rand_r(&own) % (5 * 24 * 60)) * 60 * USEC_PER_SEC;
    t.attributes = (unsigned)rand_r(&own);
    if (t.attributes % 3) /* most events repeat what is known of their user */
        t.attributes = t.user;
    t.country = rand_r(&own) % 3 == 0;
    t.type = (enum event_type)(rand_r(&own) % TYPE_COUNT);
    t.cents = rand_r(&own) % 4 ? -1 : rand_r(&own) % 2 ? rand_r(&own) : 9999999999999999;
    t.currency = currencies[rand_r(&own) % 3];
    t.campaign = campaigns[rand_r(&own) % 6];
    return t;
}

static inline struct test_event random_event(unsigned *seed, unsigned ids, unsigned users)
{
    return event_of_id((unsigned)rand_r(seed) % ids, users);
}

/* Rows of a table of rollups that differ from its recount, of all days. */
#define ROLLUP_DIFFERS(table, recount)                                                             \
    "WITH days AS (SELECT DISTINCT (timestamp AT TIME ZONE 'UTC')::date AS day"                    \
    " FROM processed_events), wanted AS (SELECT r.* FROM days, " recount "(day) r),"               \
    " found AS (" table ")"                                                                        \
    " SELECT (SELECT count(*) FROM (SELECT * FROM wanted EXCEPT ALL SELECT * FROM found) x)"       \
    " + (SELECT count(*) FROM (SELECT * FROM found EXCEPT ALL SELECT * FROM wanted) x)"

/* Each answers the number of rows that differ from a recount of processed_events. */
struct recount {
    const char *what, *sql;
};

static const struct recount rollup_recounts[] = {
    { "counts", ROLLUP_DIFFERS("SELECT * FROM event_counts", "recount_event_counts") },
    { "revenue totals", ROLLUP_DIFFERS("SELECT * FROM revenue_totals", "recount_revenue_totals") },
    { "cubes", ROLLUP_DIFFERS("SELECT bucket, sum(events)::bigint, grain, cube, source,"
                              " funnel_stage, event_type, campaign_id, country, device, currency,"
                              " sum(amount) FROM cube_cells GROUP BY grain, bucket, cube, source,"
                              " funnel_stage, event_type, campaign_id, country, device, currency",
                              "recount_cube_totals") },
    { "activity", ROLLUP_DIFFERS("SELECT * FROM user_activity", "recount_user_activity") },
    { "user numbers", "SELECT count(*) - count(DISTINCT (source, user_no))"
                      " + count(*) FILTER (WHERE user_no >= next_no OR user_no < 0)"
                      " FROM user_demographics JOIN user_numbers USING (source)" },
    { "user attributes in bitmaps",
      "WITH lists AS (SELECT source, user_no, demographic_values(source, age, gender, country,"
      " city, followers) AS v FROM user_demographics),"
      " wanted AS (SELECT user_no >> 13, source, v[i], v[i + 1],"
      " bit_or(set_bit(no_users(), user_no & 8191, 1)) FROM lists, generate_series(1, 5, 2) AS i"
      " WHERE v[i + 1] IS NOT NULL GROUP BY 1, 2, 3, 4),"
      " found AS (SELECT * FROM user_attributes WHERE users <> no_users())"
      " SELECT (SELECT count(*) FROM (SELECT * FROM wanted EXCEPT ALL SELECT * FROM found) x)"
      " + (SELECT count(*) FROM (SELECT * FROM found EXCEPT ALL SELECT * FROM wanted) x)" },
};

static const struct recount recounts[] = {
    { "keys", "SELECT count(*) FROM event_keys k FULL JOIN processed_events e USING (event_key)"
              " WHERE k.digest IS NULL OR e.event_key IS NULL"
              " OR k.event_day <> (e.timestamp AT TIME ZONE 'UTC')::date" },
    { "keys twice", "SELECT count(*) - count(DISTINCT event_key) FROM processed_events" },
    { "revenue",
      "SELECT count(*) FROM revenue_transactions r FULL JOIN (SELECT * FROM processed_events"
      " WHERE data->>'amount' IS NOT NULL OR event_type IN ('checkout.complete', 'purchase')) e"
      " USING (event_key) WHERE (r.timestamp, r.event_id, r.source, r.event_type, r.user_id,"
      " r.campaign_id, r.currency, r.amount) IS DISTINCT FROM (e.timestamp, e.event_id, e.source,"
      " e.event_type, e.user_id, e.campaign_id, e.data->>'currency',"
      " coalesce((e.data->>'amount')::numeric, 0))" },
    { "users seen",
      "SELECT count(*) FROM user_demographics u FULL JOIN (SELECT source, user_id,"
      " min(timestamp) AS first, max(timestamp) AS last FROM processed_events GROUP BY 1, 2) e"
      " USING (source, user_id)"
      " WHERE (u.first_seen_at, u.last_seen_at) IS DISTINCT FROM (e.first, e.last)" },
    { "user attributes",
      "SELECT count(*) FROM user_demographics u FULL JOIN (SELECT DISTINCT ON (source, user_id) *"
      " FROM processed_events ORDER BY source, user_id, timestamp DESC, event_key DESC) e"
      " USING (source, user_id) WHERE (u.attributes_at, u.attributes_key, u.name, u.age, u.gender,"
      " u.city, u.followers) IS DISTINCT FROM (e.timestamp, e.event_key, e.data->>'name',"
      " (e.data->>'age')::float8, e.data->>'gender', e.data->>'city',"
      " (e.data->>'followers')::bigint)" },
    { "user countries",
      "SELECT count(*) FROM (SELECT * FROM user_demographics WHERE country_at IS NOT NULL) u"
      " FULL JOIN (SELECT DISTINCT ON (source, user_id) * FROM processed_events"
      " WHERE data->>'country' IS NOT NULL"
      " ORDER BY source, user_id, timestamp DESC, event_key DESC) e USING (source, user_id)"
      " WHERE (u.country_at, u.country_key, u.country)"
      " IS DISTINCT FROM (e.timestamp, e.event_key, e.data->>'country')" },
    { "where events are found", "SELECT count(*) FROM processed_events e JOIN event_keys k"
                                " USING (event_key) WHERE k.event_at IS DISTINCT FROM timestamp" },
    { "ledger rows",
      "SELECT count(*) FROM ledger WHERE events <> stored + duplicates + dead + expired"
      " OR conflicts > duplicates" },
    { "what became of requests",
      "SELECT count(*) FROM ledger l FULL JOIN (SELECT stream, seq, stored_at, sum(events) AS e,"
      " sum(stored) AS s, sum(duplicates) AS d, sum(conflicts) AS c, sum(dead) AS x,"
      " sum(expired) AS p FROM request_outcomes GROUP BY 1, 2, 3) o USING (stream, seq, stored_at)"
      " WHERE (l.events, l.stored, l.duplicates, l.conflicts, l.dead, l.expired)"
      " IS DISTINCT FROM (o.e, o.s, o.d, o.c, o.x, o.p)" },
    { "ledger sum", "SELECT abs((SELECT coalesce(sum(stored), 0) FROM ledger)"
                    " - (SELECT count(*) FROM processed_events))" },
};

static inline int recount_each(PGconn *conn, const struct recount *list, size_t count)
{
    int wrong = 0;

    for (size_t i = 0; i < count; i++) {
        long n = pg_number(conn, list[i].sql);
        if (n != 0)
            fprintf(stderr, "%s: %ld rows differ from the recount\n", list[i].what, n);
        wrong += n != 0;
    }
    return wrong;
}

/* 0 when every rollup is what the events make it; says what is not. */
UNUSED static int rollups_recount(PGconn *conn)
{
    return recount_each(conn, rollup_recounts, ARRAY_SIZE(rollup_recounts));
}

/* Every table. */
UNUSED static int batches_recount(PGconn *conn)
{
    return recount_each(conn, recounts, ARRAY_SIZE(recounts)) + rollups_recount(conn);
}

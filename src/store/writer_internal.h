/*
 * What the files of the batch writer share. One attempt at a batch is a struct write_job: its
 * scratch memory lives in the writer's arena and is forgotten with the next attempt.
 *
 * Every transaction takes its row locks in one order, whoever writes: event_keys by key, then
 * user_demographics (writer_users.c says how), user_attributes by its key (relist_users() in the
 * migrations), user_activity, event_counts and revenue_totals each by bucket within grain and then
 * as the enums are numbered, and ledger by (stream, seq, stored_at). Events, revenue and
 * cube_deltas take none that others wait for, nor does request_outcomes; user_numbers is written in
 * a transaction of its own before. That is why parallel writers cannot deadlock.
 *
 * All functions: 0, an enum db_outcome or -errno, with *err for a person.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "store/array.h"
#include "store/cents.h"
#include "store/copy.h"
#include "store/key_filter.h"
#include "store/partition.h"
#include "store/user_cache.h"
#include "store/writer.h"

/* One event that may be stored, in the order of keys. */
struct key_slot {
    struct key_number key; /* sorts as the bytes do */
    uint32_t event;        /* index into the batch */
    bool asked;            /* looked up in the register (the same for all slots of a key) */
    bool known;            /* the register has the key (valid in the first slot of each key) */
    bool fresh;            /* it is new, and this is the event to store */
    uint64_t digest;       /* in the register; valid when known */
};

#define ARRAYS_MAX 15

/* Bitmaps of users lie in chunks, as the migration of the rollups says. */
#define CHUNK_BITS 13
#define CHUNK_USERS (1 << CHUNK_BITS)
#define CHUNK_BYTES (CHUNK_USERS / 8)

/* Numbers for new users of a source: taken from user_numbers, not given to anybody yet. */
struct number_pool {
    int32_t *list; /* owned */
    size_t count, room;
    size_t offered; /* of these, to users of the attempt */
};

struct store_writer {
    struct db *db; /* owned */
    struct arena arena;
    struct partition_cache partitions;
    struct key_filter *stored_keys;
    struct number_pool numbers[SOURCE_COUNT];
    struct user_cache *user_numbers;
    bool expects_new_users; /* most that are unknown to the writer were new the last time */
    struct activity_cache *activity; /* what this connection has committed */
    struct pg_copy copy;
    struct pg_array arrays[ARRAYS_MAX]; /* columns of the statement that is built just now */
};

/* The part of a batch that one transaction stores: whole messages. */
struct batch_slice {
    size_t message_first, message_count;
    size_t event_first, event_count;
};

#define USER_NO_NONE (-1)

/* A user of the events to store, and what they come to. */
struct job_user {
    enum event_source source;
    struct span id;
    int64_t first_usec;
    const struct store_event *newest;         /* gives the attributes */
    const struct store_event *newest_country; /* NULL = no event named one */
    int32_t no;                               /* USER_NO_NONE until it is known */
    int32_t offered;                          /* of the pool, likewise */
    bool remembered;                          /* the writer had its number */
    bool added;                               /* by this attempt */
    bool relist;                              /* user_attributes is to be brought up to date */
};

struct write_job {
    struct store_writer *w;
    struct store_batch *batch;
    struct batch_slice slice;
    bool trial;   /* roll back in the end, leave the batch's counts alone */
    bool ask_all; /* the filter of stored keys does not tell: look up every key */
    bool careful; /* another writer is at the same keys: let PostgreSQL arbitrate each one */
    bool numbers_distrusted; /* the attempt has met a remembered number that is not its user's */

    int64_t retained_usec; /* events before it are expired */
    uint32_t *messages;    /* of the slice, in ledger order: indices into the batch */
    bool *seen; /* by message of the batch: in the ledger already, or twice in this slice */
    struct key_slot *slots;
    size_t slot_count;
    uint32_t *fresh; /* events to store, in batch order */
    size_t fresh_count;

    struct job_user *users; /* by (source, id) */
    size_t user_count;
    uint32_t *user_of;            /* by place in `fresh`: index into users */
    struct activity_map *active;  /* bitmaps that are written */
    struct attribute_map *joined; /* likewise of new users */
    size_t statements;            /* sent with COMMIT, in one trip */

    /* in a replay, where the ledger does not make a message seen; by message of the batch: */
    bool *recorded;          /* in the ledger already */
    uint32_t *recorded_dead; /* of these, what it counts as dead */
    struct store_replay_counts mended;
};

static inline struct store_event *job_event(const struct write_job *job, size_t i)
{
    return &job->batch->events[job->fresh[i]];
}

/* The message and the run that count what becomes of an event. */
static inline struct store_message *event_message(const struct write_job *job,
                                                  const struct store_event *se)
{
    return &job->batch->messages[se->message];
}

static inline struct store_run *event_run(const struct write_job *job, const struct store_event *se)
{
    return &job->batch->runs[se->run];
}

/* An empty campaign is none. */
static inline struct span event_campaign(const struct event *ev)
{
    return ev->engagement.campaign_id.len ? ev->engagement.campaign_id : SPAN_NONE;
}

static inline void chunk_set(uint8_t *bits, int32_t user_no)
{
    bits[user_no % CHUNK_USERS / 8] |= (uint8_t)(0x80 >> user_no % 8);
}

static inline bool chunk_has(const uint8_t *bits, int32_t user_no)
{
    return bits[user_no % CHUNK_USERS / 8] & 0x80 >> user_no % 8;
}

/* Facebook has it in the user, TikTok in the engagement of some events. No pointer: none. */
static inline struct span event_country(const struct event *ev)
{
    return ev->source == SOURCE_FACEBOOK ? ev->user.country : ev->engagement.country;
}

static inline cents_sum event_cents(const struct event *ev)
{
    return ev->engagement.has_amount ? (cents_sum)ev->engagement.amount_cents : 0;
}

/* The three letters as a number of 24 bits. */
static inline uint64_t currency_number(const struct event *ev)
{
    const unsigned char *c = (const unsigned char *)ev->engagement.currency;

    return (uint64_t)c[0] << 16 | (uint64_t)c[1] << 8 | c[2];
}

/* Whether a row of revenue is written with it. */
static inline bool brings_revenue(const struct store_event *se)
{
    return event_is_revenue(&se->event) && !se->has_revenue;
}

/* Buckets of so many minutes are numbered from 1970 on; events are not older (EVENT_MIN_USEC). */
static inline uint64_t bucket_of(int64_t usec, unsigned grain)
{
    return (uint64_t)usec / (grain * 60 * (uint64_t)USEC_PER_SEC);
}

static inline int64_t bucket_begin(uint64_t bucket, unsigned grain)
{
    return (int64_t)(bucket * grain * 60) * USEC_PER_SEC;
}

/* writer.c: the writer's first `count` arrays as the next parameters. */
int arrays_params(struct store_writer *w, size_t count, struct pg_params *params) MUST_CHECK;
/* A statement of the writer's first `count` arrays that goes out with COMMIT. */
int job_send(struct write_job *job, const char *sql, size_t count, struct strbuf *err) MUST_CHECK;

/* writer_slice.c: the next slice of the batch; false at the end. Starts from a zeroed one. */
bool slice_next(const struct store_batch *batch, struct batch_slice *slice);

/* writer_ledger.c */
int ledger_prepare(struct write_job *job) MUST_CHECK;
int ledger_send_lookup(struct write_job *job, struct strbuf *err) MUST_CHECK;
int ledger_take_lookup(struct write_job *job, struct strbuf *err) MUST_CHECK;
/* Whether the ledger has the message's row already, or another of the slice brings it. */
bool ledger_knows(const struct write_job *job, uint32_t message);
bool ledger_has_rows(const struct write_job *job);
int ledger_send_rows(struct write_job *job, struct strbuf *err) MUST_CHECK;

/* writer_outcomes.c: of the messages that get a row in the ledger, once all is counted. */
int outcomes_copy(struct write_job *job, struct strbuf *err) MUST_CHECK;

/* writer_expiry.c */
int expiry_send_lookup(struct write_job *job, struct strbuf *err) MUST_CHECK;
int expiry_take_lookup(struct write_job *job, struct strbuf *err) MUST_CHECK;
/* Whether the event is expired; then it is counted as such: ask once. */
bool expiry_takes(struct write_job *job, const struct store_event *se) MUST_CHECK;

/* writer_keys.c */
int keys_prepare(struct write_job *job) MUST_CHECK;
int keys_send_lookup(struct write_job *job, struct strbuf *err) MUST_CHECK;
int keys_take_lookup(struct write_job *job, struct strbuf *err) MUST_CHECK;
/* Decides which events are new and counts the others (once the lookup's answer is in), and writes
 * the new keys. */
int keys_register(struct write_job *job, struct strbuf *err) MUST_CHECK;
/* The batch is committed. */
void keys_remember(struct write_job *job);

/* writer_replay.c */
static inline bool job_is_replay(const struct write_job *job)
{
    return job->batch->replay != NULL;
}
int replay_prepare(struct write_job *job) MUST_CHECK;
/* Before keys are written: leaves out events of which nobody knows whether they may be stored. */
void replay_leave_unclear(struct write_job *job);
/* After that: settles which rows are missing, and what messages without a ledger row count. */
int replay_mend(struct write_job *job, struct strbuf *err) MUST_CHECK;

/* writer_events.c, writer_revenue.c */
int events_copy(struct write_job *job, struct strbuf *err) MUST_CHECK;
int revenue_copy(struct write_job *job, struct strbuf *err) MUST_CHECK;

/* writer_numbers.c: before the transaction, as many numbers as it could need. */
int numbers_take(struct write_job *job, struct strbuf *err) MUST_CHECK;
/* The next one; it stays in the pool until it is settled. */
int32_t numbers_offer(struct store_writer *w, enum event_source source);
/* The batch is committed: those that users have taken are used up. */
void numbers_settle(struct write_job *job);
void numbers_forget(struct store_writer *w); /* others may have them */
void numbers_release(struct store_writer *w);

/* writer_users.c: fills in the job's users. */
int users_store(struct write_job *job, struct strbuf *err) MUST_CHECK;
/* The batch is committed. */
void users_remember(struct write_job *job);

/* writer_user_rows.c: adds rows for the users without a number; those that another one has added
 * keep being without. */
int users_add(struct write_job *job, struct strbuf *err) MUST_CHECK;
/* The stored numbers of users without one. */
int users_look_up(struct write_job *job, struct strbuf *err) MUST_CHECK;
/* Merges users with their rows, but for those that were added. */
int users_touch(struct write_job *job, struct strbuf *err) MUST_CHECK;

/* writer_attributes.c */
int attributes_prepare(struct write_job *job) MUST_CHECK;
/* A user that was inserted has these demographic_values(), as text[] on the wire. */
int attributes_join(struct write_job *job, const struct job_user *user,
                    const char *values) MUST_CHECK;
int attributes_send(struct write_job *job, struct strbuf *err) MUST_CHECK;

/* writer_activity.c */
struct activity_cache *activity_cache_new(void); /* NULL: out of memory */
struct activity_cache *activity_cache_free(struct activity_cache *cache);
void activity_cache_clear(struct activity_cache *cache);
int activity_send(struct write_job *job, struct strbuf *err) MUST_CHECK;
/* The batch is committed. */
void activity_remember(struct write_job *job);

/* writer_counts.c */
int counts_send(struct write_job *job, struct strbuf *err) MUST_CHECK;
int revenue_totals_send(struct write_job *job, struct strbuf *err) MUST_CHECK;

/* writer_cubes.c */
int cubes_copy(struct write_job *job, struct strbuf *err) MUST_CHECK;

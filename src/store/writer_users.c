/*
 * Users: the new events of each are merged in memory, then merged with what is stored. Both merges
 * are the same function of the set of events, whatever order they come in and whoever writes:
 * least, greatest, and newest by (timestamp, event key).
 *
 * Nearly every event is of a known user and changes nothing but times. So users are found by their
 * numbers, which the writer remembers, and the row is only touched; those that have changed are
 * written again in full. Locks: first all rows that are added, by key (a user that another one has
 * just added is left alone there), then all that are touched, by number. Who adds waits for those
 * who have added only, and who touches waits for those who touch: nobody waits in a circle.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/writer_internal.h"

/* An event under the user it belongs to; the prefix decides most comparisons. */
struct user_slot {
    uint64_t prefix; /* first 8 bytes of the user id, big-endian, zero-filled */
    const struct store_event *se;
    uint32_t place; /* in the job's `fresh` */
};

static uint64_t prefix_of(struct span id)
{
    uint64_t word = 0;

    memcpy(&word, id.ptr, MIN(id.len, sizeof(word)));
    return be64toh(word);
}

static int compare_slot_users(const struct user_slot *a, const struct user_slot *b)
{
    if (a->se->event.source != b->se->event.source)
        return a->se->event.source < b->se->event.source ? -1 : 1;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    return span_cmp(a->se->event.user.user_id, b->se->event.user.user_id);
}

static int compare_slots(const void *a, const void *b)
{
    return compare_slot_users(a, b);
}

static struct user_slot *sorted_slots(struct write_job *job)
{
    struct user_slot *slots = arena_array(&job->w->arena, struct user_slot, job->fresh_count);

    if (!slots)
        return NULL;
    for (size_t i = 0; i < job->fresh_count; i++) {
        slots[i].se = job_event(job, i);
        slots[i].place = (uint32_t)i;
        slots[i].prefix = prefix_of(slots[i].se->event.user.user_id);
    }
    qsort(slots, job->fresh_count, sizeof(*slots), compare_slots);
    return slots;
}

static bool is_newer(const struct store_event *a, const struct store_event *b)
{
    if (a->event.timestamp_usec != b->event.timestamp_usec)
        return a->event.timestamp_usec > b->event.timestamp_usec;
    return memcmp(a->key.bytes, b->key.bytes, EVENT_KEY_BYTES) > 0;
}

static void merge_event(struct job_user *user, const struct store_event *se)
{
    user->first_usec = MIN(user->first_usec, se->event.timestamp_usec);
    if (!user->newest || is_newer(se, user->newest))
        user->newest = se;
    if (event_country(&se->event).ptr &&
        (!user->newest_country || is_newer(se, user->newest_country)))
        user->newest_country = se;
}

/* The user of slots that follow each other. Returns where the next one's begin. */
static size_t take_user(struct write_job *job, const struct user_slot *slots, size_t at)
{
    const struct user_slot *head = &slots[at];
    struct job_user *user = &job->users[job->user_count];

    *user = (struct job_user){
        .source = head->se->event.source,
        .id = head->se->event.user.user_id,
        .first_usec = INT64_MAX,
        .offered = USER_NO_NONE,
    };
    for (; at < job->fresh_count && compare_slot_users(head, &slots[at]) == 0; at++) {
        merge_event(user, slots[at].se);
        job->user_of[slots[at].place] = (uint32_t)job->user_count;
    }
    user->no = user_cache_get(job->w->user_numbers, user->source, user->id);
    user->remembered = user->no != USER_NO_NONE;
    job->user_count++;
    return at;
}

static int merge_users(struct write_job *job)
{
    struct user_slot *slots = sorted_slots(job);

    job->user_count = 0;
    job->users = arena_array(&job->w->arena, struct job_user, job->fresh_count);
    job->user_of = arena_array(&job->w->arena, uint32_t, job->fresh_count);
    if (!slots || !job->users || !job->user_of)
        return -ENOMEM;
    for (size_t at = 0; at < job->fresh_count;)
        at = take_user(job, slots, at);
    return 0;
}

static size_t count_unknown(const struct write_job *job)
{
    size_t unknown = 0;

    for (size_t i = 0; i < job->user_count; i++)
        unknown += job->users[i].no == USER_NO_NONE;
    return unknown;
}

/* Numbers for those that the writer does not know. Most of them are new to the database as well, or
 * most are not: it goes as it went the last time. */
static int find_users(struct write_job *job, struct strbuf *err)
{
    struct store_writer *w = job->w;
    size_t unknown = count_unknown(job), left = unknown;
    int r = 0;

    if (left && !w->expects_new_users) {
        r = users_look_up(job, err);
        left = count_unknown(job);
    }
    if (r == 0 && left) {
        w->expects_new_users = 2 * left > unknown;
        r = users_add(job, err);
    }
    if (r == 0 && count_unknown(job)) {
        w->expects_new_users = false;
        r = users_look_up(job, err);
    }
    if (r == 0 && count_unknown(job)) {
        strbuf_setf(err, "the row of a user has vanished from user_demographics");
        return DB_RETRY;
    }
    return r;
}

int users_store(struct write_job *job, struct strbuf *err)
{
    int r = merge_users(job);

    if (r == 0)
        r = attributes_prepare(job);
    if (r == 0)
        r = find_users(job, err);
    return r == 0 ? users_touch(job, err) : r;
}

void users_remember(struct write_job *job)
{
    for (size_t i = 0; i < job->user_count; i++) {
        const struct job_user *user = &job->users[i];
        if (!user->remembered)
            user_cache_put(job->w->user_numbers, user->source, user->id, user->no);
    }
}

#include "reporter/rejects_scan.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bus/reader.h"

#define WINDOW_FIRST 512
#define WINDOW_LAST 16384
#define PATIENCE_USEC (2 * UINT64_C(1000000))

struct scan {
    struct bus *bus;
    const struct rejects_query *query;
    struct rejects *result;
    uint64_t low, high;         /* sequences still to be looked at */
    struct bus_delivery **ring; /* the newest of a window that match: query->limit of them */
};

static int open_reader(const struct scan *s, int64_t start_nsec, uint64_t start_seq,
                       uint64_t end_seq, struct bus_reader **ret, struct strbuf *err)
{
    char subject[LETTER_SUBJECT_MAX];
    const struct bus_reader_options options = {
        .stream = BUS_DLQ_STREAM,
        .filter_subject = letter_subject(&s->query->filter, subject),
        .start_seq = start_seq,
        .start_nsec = start_nsec,
        .end_seq = end_seq,
        .headers_only = true,
        .patience_usec = PATIENCE_USEC,
    };

    return bus_reader_open(s->bus, &options, ret, err);
}

/* The first sequence stored at or after a time; UINT64_MAX when there is none. */
static int find_time(const struct scan *s, int64_t nsec, uint64_t *ret_seq, struct strbuf *err)
{
    _cleanup_(bus_reader_freep) struct bus_reader *reader = NULL;
    _cleanup_(bus_delivery_freep) struct bus_delivery *d = NULL;
    int r = open_reader(s, nsec, 0, 0, &reader, err);

    if (r == 0)
        r = bus_reader_next(reader, &d, err);
    if (r < 0)
        return r;
    *ret_seq = d ? d->seq : UINT64_MAX;
    return 0;
}

/* The range of sequences. Times of a stream rise with them, unless the server's clock was set back:
 * then what lies outside by its time is still told apart one by one, and what lies inside may be
 * missed. */
static int find_range(struct scan *s, struct strbuf *err)
{
    const struct letter_filter *filter = &s->query->filter;
    struct bus_stream_state state;
    uint64_t seq;
    int r = bus_stream_state_of(s->bus, BUS_DLQ_STREAM, &state, err);

    if (r < 0)
        return r;
    s->low = MAX(state.first_seq, (uint64_t)1);
    s->high = state.last_seq;
    if (s->query->before)
        s->high = MIN(s->high, s->query->before - 1);
    if (filter->from_nsec) {
        r = find_time(s, filter->from_nsec, &seq, err);
        if (r < 0)
            return r;
        s->low = MAX(s->low, seq);
    }
    if (filter->to_nsec) {
        r = find_time(s, filter->to_nsec, &seq, err);
        if (r == 0 && seq != UINT64_MAX)
            s->high = MIN(s->high, seq - 1);
    }
    return r;
}

static void take(struct scan *s, struct bus_delivery *delivery, uint64_t *matched)
{
    _cleanup_(bus_delivery_freep) struct bus_delivery *d = delivery;
    struct bus_delivery **slot;
    struct letter letter;

    s->result->scanned++;
    letter_of(d, &letter);
    if (!letter_matches(&letter, &s->query->filter))
        return;
    letter_count(&s->result->counts, &letter);
    slot = &s->ring[(*matched)++ % s->query->limit];
    *slot = bus_delivery_free(*slot);
    *slot = TAKE_PTR(d);
}

/* Moves the window's letters, newest first, to the result while it has room. */
static void hand_over(struct scan *s, uint64_t matched)
{
    struct rejects *result = s->result;
    uint64_t kept = MIN(matched, (uint64_t)s->query->limit);

    for (uint64_t i = 0; i < kept; i++) {
        struct bus_delivery **slot = &s->ring[(matched - 1 - i) % s->query->limit];

        if (result->count < s->query->limit)
            result->found[result->count++] = TAKE_PTR(*slot);
        else
            *slot = bus_delivery_free(*slot);
    }
}

static int read_window(struct scan *s, uint64_t begin, struct strbuf *err)
{
    _cleanup_(bus_reader_freep) struct bus_reader *reader = NULL;
    struct bus_delivery *d;
    uint64_t matched = 0;
    int r = open_reader(s, 0, begin, s->high, &reader, err);

    if (r < 0)
        return r;
    while ((r = bus_reader_next(reader, &d, err)) > 0)
        take(s, d, &matched);
    hand_over(s, matched);
    return r;
}

static int read_windows(struct scan *s, struct strbuf *err)
{
    uint64_t window = WINDOW_FIRST;

    while (s->low <= s->high) {
        uint64_t left = s->query->scan_max - s->result->scanned;
        uint64_t size = MIN(MIN(window, left), s->high - s->low + 1);
        int r;

        if (size == 0 || clock_mono_usec() >= s->query->deadline_usec)
            return 0;
        r = read_window(s, s->high - size + 1, err);
        if (r < 0)
            return r;
        s->high -= size;
        window = MIN(window * 4, (uint64_t)WINDOW_LAST);
    }
    s->result->complete = true;
    return 0;
}

static uint64_t next_page(const struct scan *s)
{
    const struct rejects *result = s->result;

    if (result->counts.total > result->count)
        return result->found[result->count - 1]->seq;
    return result->complete ? 0 : s->high + 1;
}

int rejects_scan(struct bus *bus, const struct rejects_query *query, struct rejects *ret,
                 struct strbuf *err)
{
    struct scan s = { .bus = bus, .query = query, .result = ret };
    int r;

    *ret = (struct rejects){ 0 };
    ret->found = calloc(query->limit, sizeof(struct bus_delivery *));
    s.ring = calloc(query->limit, sizeof(struct bus_delivery *));
    r = ret->found && s.ring ? find_range(&s, err) : -ENOMEM;
    if (r == 0)
        r = read_windows(&s, err);
    for (size_t i = 0; s.ring && i < query->limit; i++)
        (void)bus_delivery_free(s.ring[i]);
    free(s.ring);
    if (r < 0)
        return r;
    ret->next = next_page(&s);
    letter_counts_sort(&ret->counts);
    return 0;
}

void rejects_release(struct rejects *r)
{
    for (size_t i = 0; i < r->count; i++)
        (void)bus_delivery_free(r->found[i]);
    free(r->found);
    *r = (struct rejects){ 0 };
}

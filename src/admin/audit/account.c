#include "admin/audit/account.h"

#include <inttypes.h>

void account_release(struct account *a)
{
    scan_release(&a->scan);
    scan_release(&a->letters);
}

static void sum_add(struct account_sum *sum, uint64_t events)
{
    sum->messages++;
    sum->events += events;
}

/* A message without a row. */
static void settle_message(struct account *a, const struct scanned_message *m)
{
    sum_add(&a->accepted, m->events);
    sum_add(&a->in_stream, m->events);
    a->uncounted += m->events == 0;
    if (m->seq > a->floor) {
        sum_add(&a->in_flight, m->events);
        return;
    }
    if (a->unaccounted.messages < DIFFERENCES_NAMED_MAX)
        a->named[a->unaccounted.messages] = *m;
    sum_add(&a->unaccounted, m->events);
}

static void check_row(struct account *a, const struct audit_row *row)
{
    const struct audit_counts *c = &row->counts;

    if (c->events == c->stored + c->duplicates + c->dead + c->expired &&
        c->conflicts <= c->duplicates)
        return;
    differences_add(a->differences, a->source, "ledger rows that do not add up", 1,
                    "%s sequence %" PRIu64 ", time %" PRId64 ": %" PRIu64 " events, but %" PRIu64
                    " stored + %" PRIu64 " duplicates (%" PRIu64 " conflicts) + %" PRIu64
                    " dead + %" PRIu64 " expired",
                    a->stream, row->seq, row->stored_nsec, c->events, c->stored, c->duplicates,
                    c->conflicts, c->dead, c->expired);
}

static void check_count(struct account *a, const struct audit_row *row,
                        const struct scanned_message *m)
{
    a->uncounted += m->events == 0;
    if (m->events == 0 || m->events == row->counts.events)
        return;
    differences_add(
        a->differences, a->source, "ledger rows that count other events than their message", 1,
        "%s sequence %" PRIu64 ", time %" PRId64 ": %" PRIu64 " events, the message says %" PRIu32,
        a->stream, row->seq, row->stored_nsec, row->counts.events, m->events);
}

static void add_row(struct account *a, const struct audit_row *row)
{
    const struct audit_counts *c = &row->counts;

    a->rows.messages++;
    a->rows.events += c->events;
    a->rows.stored += c->stored;
    a->rows.duplicates += c->duplicates;
    a->rows.conflicts += c->conflicts;
    a->rows.dead += c->dead;
    a->rows.expired += c->expired;
    if (c->dead > 0) {
        a->dead_messages++;
        a->dead_letters_left += scan_has(&a->letters, row->seq, row->stored_nsec);
    }
}

/* Its sequence and its time lie within what the scan saw, and yet it is not there: it was deleted,
 * or the stream was restored from an older state. */
static bool is_absent(const struct account *a, const struct audit_row *row)
{
    const struct scan *s = &a->scan;

    return s->count && row->seq >= s->messages[0].seq &&
           row->stored_nsec >= s->messages[0].stored_nsec &&
           row->seq <= s->messages[s->count - 1].seq;
}

int account_row(void *account, const struct audit_row *row)
{
    struct account *a = account;
    const struct scan *s = &a->scan;

    while (a->at < s->count && s->messages[a->at].seq < row->seq)
        settle_message(a, &s->messages[a->at++]);
    add_row(a, row);
    check_row(a, row);
    if (a->at < s->count && s->messages[a->at].seq == row->seq &&
        s->messages[a->at].stored_nsec == row->stored_nsec) {
        const struct scanned_message *m = &s->messages[a->at++];
        check_count(a, row, m);
        sum_add(&a->accepted, m->events ? m->events : row->counts.events);
        sum_add(&a->in_stream, m->events ? m->events : row->counts.events);
        return 0;
    }
    sum_add(&a->accepted, row->counts.events);
    if (is_absent(a, row))
        sum_add(&a->absent, row->counts.events);
    return 0;
}

void account_finish(struct account *a)
{
    while (a->at < a->scan.count)
        settle_message(a, &a->scan.messages[a->at++]);
    a->accepted.messages += a->pruned.counts.messages;
    a->accepted.events += a->pruned.counts.events;
}

struct audit_counts account_counts(const struct account *a)
{
    const struct audit_counts *p = &a->pruned.counts;
    struct audit_counts c = a->rows;

    c.messages += p->messages;
    c.events += p->events;
    c.stored += p->stored;
    c.duplicates += p->duplicates;
    c.conflicts += p->conflicts;
    c.dead += p->dead;
    c.expired += p->expired;
    return c;
}

/* The order of reading is what makes an audit right under load: account.h says why. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "admin/audit/audit.h"
#include "admin/servers.h"
#include "base/clock.h"
#include "bus/puller.h"
#include "bus/reader.h"
#include "event/batch.h"

/* Rows of the ledger are pruned now and then; what was scanned before is then compared anew. */
#define TRIES_MAX 3
#define ARENA_BYTES ((size_t)1 << 20)

static void start_over(struct audit *a)
{
    for (size_t i = 0; i < a->account_count; i++)
        account_release(&a->accounts[i]);
    differences_release(&a->differences);
    a->account_count = 0;
    for (int s = 0; s < SOURCE_COUNT; s++) {
        struct account *account = &a->accounts[a->account_count];

        if (a->source >= 0 && a->source != s)
            continue;
        *account = (struct account){
            .source = event_source_names[s],
            .differences = &a->differences,
        };
        bus_layout_stream_name(account->source, account->stream);
        a->account_count++;
    }
}

static int read_floor(struct audit *a, struct account *account, struct strbuf *err)
{
    int s = event_name_find(event_source_names, SOURCE_COUNT, span_str(account->source));
    struct bus_consumer_state state;
    int r = bus_consumer_state_of(a->bus, account->stream, server_consumers[s], &state, err);

    if (r == -ENOENT)
        return 0;
    account->has_consumer = r == 0;
    account->floor = r == 0 ? state.ack_floor_seq : 0;
    return r;
}

static int read_bus(struct audit *a, struct strbuf *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < a->account_count; i++) {
        r = audit_pruned_of(a->db, a->accounts[i].stream, &a->accounts[i].before, err);
        if (r == 0)
            r = read_floor(a, &a->accounts[i], err);
    }
    for (size_t i = 0; r == 0 && i < a->account_count; i++) {
        struct account *account = &a->accounts[i];

        r = scan_stream(&account->scan, a->bus, account->stream, &a->progress, err);
        if (r == 0)
            r = scan_letters(&account->letters, a->bus, account->stream, &a->progress, err);
    }
    return r;
}

static bool was_pruned(const struct account *account)
{
    return account->before.counts.messages != account->pruned.counts.messages;
}

static int read_ledger(struct audit *a, bool *ret_pruned, struct strbuf *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < a->account_count; i++) {
        struct account *account = &a->accounts[i];

        progress_show(&a->progress, "ledger", i, a->account_count, "%s", account->stream);
        r = audit_pruned_of(a->db, account->stream, &account->pruned, err);
        if (r == 0)
            r = audit_ledger(a->db, account->stream, account_row, account, err);
        account_finish(account);
        *ret_pruned = *ret_pruned || was_pruned(account);
    }
    return r;
}

static int count_events(struct audit *a, struct account *account, struct strbuf *err)
{
    uint64_t stored = account_counts(account).stored;
    int r = audit_events_of(a->db, account->source, &account->events, err);

    if (r != 0)
        return r;
    account->recounted = true;
    if (stored != account->events.rows + account->events.dropped)
        differences_add(&a->differences, account->source,
                        "event rows are not as many as the ledger stored", 1,
                        "the ledger stored %" PRIu64 ", there are %" PRIu64 " rows, and %" PRIu64
                        " were dropped for their age",
                        stored, account->events.rows, account->events.dropped);
    return 0;
}

static int count_keys(struct audit *a, struct strbuf *err)
{
    struct audit_keys *k = &a->keys;
    int r = audit_keys_of(a->db, k, err);

    if (r == 0 && k->stored != k->rows + k->deleted)
        differences_add(&a->differences, NULL, "keys are not as many as the ledger stored", 1,
                        "the ledger stored %" PRIu64 ", there are %" PRIu64 " keys, and %" PRIu64
                        " were deleted for their age",
                        k->stored, k->rows, k->deleted);
    return r;
}

struct naming {
    struct differences *differences;
    const char *source;
    char what[128];
    unsigned named;
};

static void name_row(void *ctx, struct span name)
{
    struct naming *n = ctx;

    n->named++;
    differences_add(n->differences, n->source, n->what, 1, "%.*s", SPAN_ARG(name));
}

static int recount(struct audit *a, struct strbuf *err)
{
    const char *source = a->source < 0 ? NULL : event_source_names[a->source];
    size_t checks = audit_check_count();
    int r = 0;

    for (size_t i = 0; r == 0 && i < checks; i++) {
        struct audit_check check = audit_check_at(i);
        struct naming naming = { .differences = &a->differences, .source = source };
        uint64_t count = 0;

        (void)snprintf(naming.what, sizeof(naming.what), "%.*s", SPAN_ARG(check.what));
        progress_show(&a->progress, "tables", i, checks, "%s", naming.what);
        r = audit_check_run(a->db, &check, source, DIFFERENCES_NAMED_MAX, name_row, &naming, &count,
                            err);
        if (r == 0 && count > naming.named)
            differences_add(&a->differences, source, naming.what, count - naming.named, "more");
    }
    return r;
}

static int read_tables(struct audit *a, struct strbuf *err)
{
    uint64_t begun = clock_mono_usec();
    int r = 0;

    for (size_t i = 0; r == 0 && i < a->account_count; i++) {
        progress_show(&a->progress, "tables", 0, audit_check_count(), "events of %s",
                      a->accounts[i].source);
        r = count_events(a, &a->accounts[i], err);
    }
    if (r == 0 && a->source < 0)
        r = count_keys(a, err);
    if (r == 0)
        r = recount(a, err);
    a->tables_usec = clock_mono_usec() - begun;
    return r;
}

static int read_database(struct audit *a, bool *ret_pruned, struct strbuf *err)
{
    int r = audit_begin(a->db, err);

    if (r != 0)
        return r;
    r = read_ledger(a, ret_pruned, err);
    if (r == 0 && !*ret_pruned && !a->quick)
        r = read_tables(a, err);
    audit_end(a->db);
    return r;
}

/* "request-1", from the message itself. */
static void read_correlation(struct audit *a, const struct account *account, uint64_t seq,
                             char *ret, size_t size)
{
    _cleanup_(bus_delivery_freep) struct bus_delivery *d = NULL;
    _cleanup_arena_ struct arena arena;
    _cleanup_strbuf_ struct strbuf ignored;
    struct batch_reader reader;
    struct span line;

    arena_init(&arena, ARENA_BYTES, ARENA_BYTES);
    strbuf_init(&ignored, 512);
    (void)snprintf(ret, size, "not readable");
    if (bus_stored_get(a->bus, account->stream, seq, &d, &ignored) < 0)
        return;
    batch_reader_init(&reader, d->payload, &arena);
    if (batch_reader_next(&reader, &line) > 0)
        (void)snprintf(ret, size, "%.*s", SPAN_ARG(reader.run.correlation_id));
}

static void name_unaccounted(struct audit *a, const struct account *account)
{
    static const char what[] = "messages that are acked and not in the ledger";
    const uint64_t all = account->unaccounted.messages;
    char time[TIMESTAMP_TEXT_MAX], id[BATCH_CORRELATION_MAX + 1];

    for (size_t i = 0; i < all && i < DIFFERENCES_NAMED_MAX; i++) {
        const struct scanned_message *m = &account->named[i];

        (void)timestamp_format(m->stored_nsec / 1000, time);
        read_correlation(a, account, m->seq, id, sizeof(id));
        differences_add(&a->differences, account->source, what, 1,
                        "%s sequence %" PRIu64 ", %s, %" PRIu32 " events, correlation id %s",
                        account->stream, m->seq, time, m->events, id);
    }
    if (all > DIFFERENCES_NAMED_MAX)
        differences_add(&a->differences, account->source, what, all - DIFFERENCES_NAMED_MAX,
                        "more");
}

int audit_run(struct audit *a, struct strbuf *err)
{
    uint64_t begun = clock_mono_usec();
    bool pruned = true;
    int r = 0;

    progress_start(&a->progress);
    for (int tries = 0; r == 0 && pruned && tries < TRIES_MAX; tries++) {
        pruned = false;
        start_over(a);
        r = read_bus(a, err);
        if (r == 0)
            r = read_database(a, &pruned, err);
    }
    for (size_t i = 0; r == 0 && i < a->account_count; i++)
        name_unaccounted(a, &a->accounts[i]);
    progress_clear(&a->progress);
    if (r == 0 && pruned) {
        strbuf_setf(err, "the ledger was pruned meanwhile, %d times: try again", TRIES_MAX);
        r = -EAGAIN;
    }
    if (r == 0 && a->differences.no_memory)
        r = -ENOMEM;
    a->took_usec = clock_mono_usec() - begun;
    return r;
}

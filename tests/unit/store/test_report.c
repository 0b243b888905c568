/* The reports, byte by byte against a brute-force count of the same events in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/json_out.h"
#include "store/report.h"
#include "store/snapshot.h"
#include "unit/store/batches.h"

#define EVENTS 3000
#define USERS 150

static struct test_batch all;
static struct db *db;
/* One that keeps what it has read: small enough to lose some of it again. */
#define CACHE_BYTES (256 * 1024)
static struct db *keeping;
static struct report_cache *cache;
static char url[PG_URL_MAX];
static int64_t retained_usec = INT64_MIN;

/* Names and what they come to; few enough to look through. */
struct tally {
    struct {
        const char *name;
        int64_t n;
    } rows[64];
    size_t count;
};

static void tally_add(struct tally *t, const char *name, int64_t n)
{
    size_t i = 0;

    while (i < t->count && strcmp(t->rows[i].name, name) != 0)
        i++;
    if (i == ARRAY_SIZE(t->rows))
        exit(99);
    if (i == t->count)
        t->rows[t->count++].name = name;
    t->rows[i].n += n;
}

static int by_name(const void *a, const void *b)
{
    const struct tally *t = NULL;
    const __typeof__(t->rows[0]) *ra = a, *rb = b;

    return strcmp(ra->name, rb->name);
}

static int by_count(const void *a, const void *b)
{
    const struct tally *t = NULL;
    const __typeof__(t->rows[0]) *ra = a, *rb = b;

    return ra->n != rb->n ? (ra->n < rb->n ? 1 : -1) : by_name(a, b);
}

static void put_money(struct strbuf *out, int64_t cents)
{
    (void)strbuf_addf(out, "%lld.%02d", (long long)(cents / 100), (int)(cents % 100));
}

static void put_tally(struct strbuf *out, const char *key, struct tally *t, bool money,
                      int (*order)(const void *, const void *))
{
    qsort(t->rows, t->count, sizeof(t->rows[0]), order);
    (void)strbuf_addf(out, "\"%s\":{", key);
    for (size_t i = 0; i < t->count; i++) {
        if (i)
            (void)strbuf_addc(out, ',');
        json_quote(out, span_str(t->rows[i].name));
        (void)strbuf_addc(out, ':');
        if (money)
            put_money(out, t->rows[i].n);
        else
            (void)strbuf_addi64(out, t->rows[i].n);
    }
    (void)strbuf_addc(out, '}');
}

static void put_top(struct strbuf *out, const char *key, const char *member, struct tally *t)
{
    qsort(t->rows, t->count, sizeof(t->rows[0]), by_count);
    (void)strbuf_addf(out, "\"%s\":[", key);
    for (size_t i = 0; i < t->count && i < 10; i++) {
        (void)strbuf_addf(out, "%s{\"%s\":", i ? "," : "", member);
        json_quote(out, span_str(t->rows[i].name));
        (void)strbuf_addf(out, ",\"count\":%lld}", (long long)t->rows[i].n);
    }
    (void)strbuf_addc(out, ']');
}

struct range {
    int64_t earliest, latest;
};
#define RANGE_NONE ((struct range){ INT64_MAX, INT64_MIN })

static void range_add(struct range *r, int64_t usec)
{
    r->earliest = MIN(r->earliest, usec);
    r->latest = MAX(r->latest, usec);
}

static void put_time(struct strbuf *out, bool asked, int64_t bound, int64_t counted, bool any)
{
    char buf[TIMESTAMP_TEXT_MAX];

    if (asked || any)
        (void)strbuf_addf(out, "\"%.*s\"",
                          SPAN_ARG(timestamp_format(asked ? bound : counted, buf)));
    else
        (void)strbuf_adds(out, "null");
}

static void put_range(struct strbuf *out, const struct report_filter *f, const struct range *r)
{
    bool any = r->earliest <= r->latest;

    (void)strbuf_adds(out, ",\"timeRange\":{\"from\":");
    put_time(out, f->has_from, f->from_usec, r->earliest, any);
    (void)strbuf_adds(out, ",\"to\":");
    put_time(out, f->has_to, f->to_usec, r->latest, any);
    (void)strbuf_addc(out, '}');
    if (retained_usec != INT64_MIN && (!f->has_from || f->from_usec < retained_usec)) {
        (void)strbuf_adds(out, ",\"retainedFrom\":");
        put_time(out, true, retained_usec, 0, true);
    }
    (void)strbuf_addc(out, '}');
}

static bool in_range(const struct report_filter *f, const struct event *ev)
{
    return (!f->has_from || ev->timestamp_usec >= f->from_usec) &&
           ev->timestamp_usec >= retained_usec && (!f->has_to || ev->timestamp_usec < f->to_usec) &&
           (f->source < 0 || (int)ev->source == f->source);
}

static void expect_events(const struct report_filter *f, struct strbuf *out)
{
    struct tally sources = { 0 }, stages = { 0 }, types = { 0 };
    struct range range = RANGE_NONE;
    int total = 0;

    for (size_t i = 0; i < all.batch.event_count; i++) {
        const struct event *ev = &all.batch.events[i].event;
        if (!in_range(f, ev) || (f->stage >= 0 && (int)ev->stage != f->stage) ||
            (f->type >= 0 && (int)ev->type != f->type))
            continue;
        total++;
        tally_add(&sources, event_source_names[ev->source], 1);
        tally_add(&stages, event_stage_names[ev->stage], 1);
        tally_add(&types, event_type_names[ev->type], 1);
        range_add(&range, ev->timestamp_usec);
    }
    (void)strbuf_addf(out, "{\"totalEvents\":%d,", total);
    put_tally(out, "eventsBySource", &sources, false, by_name);
    (void)strbuf_addc(out, ',');
    put_tally(out, "eventsByFunnelStage", &stages, false, by_name);
    (void)strbuf_addc(out, ',');
    put_tally(out, "eventsByType", &types, false, by_name);
    put_range(out, f, &range);
}

static const char *campaign_of(const struct event *ev)
{
    return ev->engagement.campaign_id.len ? ev->engagement.campaign_id.ptr : "unknown";
}

static void expect_revenue(const struct report_filter *f, struct strbuf *out)
{
    const char *currency = f->currency[0] ? f->currency : f->default_currency;
    struct tally sources = { 0 }, campaigns = { 0 }, currencies = { 0 };
    struct range range = RANGE_NONE;
    int64_t total = 0;
    int transactions = 0;

    for (size_t i = 0; i < all.batch.event_count; i++) {
        const struct event *ev = &all.batch.events[i].event;
        int64_t cents = ev->engagement.amount_cents;
        if (!in_range(f, ev) || !event_is_revenue(ev) ||
            (f->campaign_id.ptr && !span_eq(f->campaign_id, span_str(campaign_of(ev)))))
            continue;
        transactions++;
        range_add(&range, ev->timestamp_usec);
        tally_add(&currencies, ev->engagement.currency, cents);
        if (strcmp(ev->engagement.currency, currency) != 0)
            continue;
        total += cents;
        tally_add(&sources, event_source_names[ev->source], cents);
        tally_add(&campaigns, campaign_of(ev), cents);
    }
    (void)strbuf_addf(out, "{\"currency\":\"%s\",\"totalRevenue\":", currency);
    put_money(out, total);
    (void)strbuf_addc(out, ',');
    put_tally(out, "revenueBySource", &sources, true, by_name);
    (void)strbuf_addc(out, ',');
    put_tally(out, "revenueByCampaign", &campaigns, true, by_name);
    (void)strbuf_addc(out, ',');
    put_tally(out, "revenueByCurrency", &currencies, true, by_name);
    (void)strbuf_addf(out, ",\"transactionCount\":%d", transactions);
    put_range(out, f, &range);
}

struct user {
    const struct store_event *newest, *country;
    bool counted;
};

static bool newer(const struct store_event *a, const struct store_event *b)
{
    if (!b || a->event.timestamp_usec != b->event.timestamp_usec)
        return !b || a->event.timestamp_usec > b->event.timestamp_usec;
    return memcmp(a->key.bytes, b->key.bytes, EVENT_KEY_BYTES) > 0;
}

static void count_facebook(const struct user *u, struct tally *ages, struct tally *genders,
                           struct tally *locations)
{
    static const struct {
        double below;
        const char *name;
    } groups[] = { { 18, "under_18" }, { 25, "18_24" }, { 35, "25_34" },
                   { 45, "35_44" },    { 55, "45_54" }, { 1e9, "55_plus" } };
    const struct event_user *user = &u->newest->event.user;
    size_t g = 0;

    while (user->age >= groups[g].below)
        g++;
    tally_add(ages, groups[g].name, 1);
    tally_add(genders, event_gender_names[user->gender], 1);
    tally_add(
        locations,
        test_text(&all.arena, "%.*s, %.*s", SPAN_ARG(user->city), SPAN_ARG(user->country)).ptr, 1);
}

static void count_tiktok(const struct user *u, struct tally *ranges, struct tally *countries)
{
    static const struct {
        int64_t below;
        const char *name;
    } groups[] = { { 1000, "under_1k" },
                   { 10000, "1k_10k" },
                   { 100000, "10k_100k" },
                   { 1000000, "100k_1m" },
                   { INT64_MAX, "1m_plus" } };
    size_t g = 0;

    while (u->newest->event.user.followers >= groups[g].below)
        g++;
    tally_add(ranges, groups[g].name, 1);
    if (u->country)
        tally_add(countries, u->country->event.engagement.country.ptr, 1);
}

static void expect_demographics(const struct report_filter *f, struct strbuf *out)
{
    struct tally ages = { 0 }, genders = { 0 }, locations = { 0 }, followers = { 0 },
                 countries = { 0 };
    static const char *const age_names[] = { "under_18", "18_24",   "25_34",  "35_44",
                                             "45_54",    "55_plus", "unknown" };
    static const char *const range_names[] = { "under_1k", "1k_10k",  "10k_100k",
                                               "100k_1m",  "1m_plus", "unknown" };
    struct user users[SOURCE_COUNT][USERS] = { 0 };
    struct range range = RANGE_NONE;

    for (size_t i = 0; i < ARRAY_SIZE(age_names); i++)
        tally_add(&ages, age_names[i], 0);
    for (size_t i = 0; i < ARRAY_SIZE(range_names); i++)
        tally_add(&followers, range_names[i], 0);
    for (size_t i = 0; i < all.batch.event_count; i++) {
        const struct store_event *se = &all.batch.events[i];
        struct user *u = &users[se->event.source][strtol(se->event.user.user_id.ptr + 5, NULL, 10)];
        if (newer(se, u->newest))
            u->newest = se;
        if (se->event.engagement.country.ptr && newer(se, u->country))
            u->country = se;
        if (in_range(f, &se->event)) {
            u->counted = true;
            range_add(&range, se->event.timestamp_usec);
        }
    }
    for (int i = 0; i < USERS; i++) {
        if (users[SOURCE_FACEBOOK][i].counted)
            count_facebook(&users[SOURCE_FACEBOOK][i], &ages, &genders, &locations);
        if (users[SOURCE_TIKTOK][i].counted)
            count_tiktok(&users[SOURCE_TIKTOK][i], &followers, &countries);
    }
    (void)strbuf_adds(out, "{\"facebook\":{");
    (void)strbuf_adds(out, "\"ageGroups\":{");
    for (size_t i = 0; i < ages.count; i++)
        (void)strbuf_addf(out, "%s\"%s\":%lld", i ? "," : "", ages.rows[i].name,
                          (long long)ages.rows[i].n);
    (void)strbuf_adds(out, "},");
    put_tally(out, "genderDistribution", &genders, false, by_count);
    (void)strbuf_addc(out, ',');
    put_top(out, "topLocations", "location", &locations);
    (void)strbuf_adds(out, "},\"tiktok\":{\"followerRanges\":{");
    for (size_t i = 0; i < followers.count; i++)
        (void)strbuf_addf(out, "%s\"%s\":%lld", i ? "," : "", followers.rows[i].name,
                          (long long)followers.rows[i].n);
    (void)strbuf_adds(out, "},");
    put_top(out, "topCountries", "country", &countries);
    (void)strbuf_addc(out, '}');
    put_range(out, f, &range);
}

typedef int report_fn(struct db *, const struct report_filter *, struct strbuf *, struct strbuf *);
typedef void expect_fn(const struct report_filter *, struct strbuf *);

static void check(report_fn *report, expect_fn *expect, const struct report_filter *f)
{
    _cleanup_strbuf_ struct strbuf got, expected, err;
    struct snapshot view;

    strbuf_init(&got, 1 << 20);
    strbuf_init(&expected, 1 << 20);
    strbuf_init(&err, 1024);
    if (report(db, f, &got, &err) != 0)
        print_error("%s\n", err.ptr);
    expect(f, &expected);
    assert_string_equal(got.ptr, expected.ptr);
    strbuf_reset(&got);
    assert_int_equal(snapshot_begin(keeping, &view, &err), 0);
    if (report(keeping, f, &got, &err) != 0)
        print_error("%s\n", err.ptr);
    snapshot_end(keeping);
    assert_string_equal(got.ptr, expected.ptr);
}

static void check_all(const struct report_filter *f)
{
    check(report_events, expect_events, f);
    check(report_revenue, expect_revenue, f);
    check(report_demographics, expect_demographics, f);
}

static const struct report_filter no_filter = {
    .source = -1, .stage = -1, .type = -1, .default_currency = "USD"
};

static void test_no_filter(void **state UNUSED)
{
    check_all(&no_filter);
}

static void test_nothing_found(void **state UNUSED)
{
    struct report_filter f = no_filter;

    f.has_from = true;
    f.from_usec = DAY_ZERO + 100 * USEC_PER_DAY;
    check_all(&f);
    f.has_to = true;
    f.from_usec = f.to_usec = DAY_ZERO + 2 * USEC_PER_DAY; /* an empty range */
    check_all(&f);
    f.has_from = false;
    f.to_usec = DAY_ZERO - USEC_PER_DAY;
    check_all(&f);
}

/* Bounds that fall on an event: the first is in, the last is out. */
static void test_half_open(void **state UNUSED)
{
    for (size_t i = 0; i < 20; i++) {
        struct report_filter f = no_filter;
        f.has_from = f.has_to = true;
        f.from_usec = all.batch.events[i].event.timestamp_usec;
        f.to_usec = f.from_usec + 1;
        check_all(&f);
        f.from_usec -= 60 * USEC_PER_SEC;
        f.to_usec -= 1;
        check_all(&f);
    }
}

static void test_random_filters(void **state UNUSED)
{
    static const char *const campaigns[] = { "unknown", "spring", "a\"b", "' OR 1=1 --" };
    static const char *const currencies[] = { "USD", "EUR", "CHF" };
    unsigned seed = 7;

    for (int i = 0; i < 150; i++) {
        struct report_filter f = no_filter;
        int64_t a = rand_r(&seed) % (6 * 86400), b = rand_r(&seed) % (6 * 86400);
        f.has_from = rand_r(&seed) % 2;
        f.has_to = rand_r(&seed) % 2;
        f.from_usec = DAY_ZERO + MIN(a, b) * USEC_PER_SEC;
        f.to_usec = DAY_ZERO + MAX(a, b) * USEC_PER_SEC;
        if (rand_r(&seed) % 2)
            f.source = rand_r(&seed) % SOURCE_COUNT;
        if (rand_r(&seed) % 3 == 0)
            f.stage = rand_r(&seed) % STAGE_COUNT;
        if (rand_r(&seed) % 3 == 0)
            f.type = rand_r(&seed) % TYPE_COUNT;
        if (rand_r(&seed) % 3 == 0)
            f.campaign_id = span_str(campaigns[rand_r(&seed) % ARRAY_SIZE(campaigns)]);
        if (rand_r(&seed) % 3 == 0)
            (void)snprintf(f.currency, sizeof(f.currency), "%s",
                           currencies[rand_r(&seed) % ARRAY_SIZE(currencies)]);
        check_all(&f);
    }
}

/* From the moment that the boundary has moved, whatever of the old is there yet. */
static void test_retained(void **state UNUSED)
{
    PGconn *conn = PQconnectdb(url);

    (void)pg_value(conn, "UPDATE retention SET retained_from = '2026-01-03 00:00:00+00'");
    retained_usec = DAY_ZERO + 2 * USEC_PER_DAY;
    test_no_filter(NULL);
    test_nothing_found(NULL);
    test_half_open(NULL);
    test_random_filters(NULL);
    (void)pg_value(conn, "DROP TABLE processed_events_20260101");
    (void)pg_value(conn, "DELETE FROM revenue_transactions WHERE timestamp < '2026-01-02'");
    test_no_filter(NULL);
    test_random_filters(NULL);
    PQfinish(conn);
}

static void test_failures(void **state UNUSED)
{
    _cleanup_strbuf_ struct strbuf out, err;
    char empty[PG_URL_MAX];
    struct db *other;

    strbuf_init(&out, 1 << 20);
    strbuf_init(&err, 1024);
    pg_empty_database(empty);
    other = pg_db(empty);
    assert_int_equal(report_events(other, &no_filter, &out, &err), DB_REFUSED);
    assert_non_null(strstr(err.ptr, "sluice migrate"));
    assert_int_equal(out.len, 0);
    (void)db_free(other);

    strbuf_release(&out);
    strbuf_init(&out, 20); /* smaller than any answer */
    assert_int_equal(report_events(db, &no_filter, &out, &err), -ENOBUFS);
}

/* Half of the cubes' hours wait in deltas still. */
static void merge_half(void)
{
    static const char *const statements[] = {
        "CREATE TEMP TABLE held AS SELECT * FROM cube_deltas WHERE extract(hour FROM bucket) < 12",
        "DELETE FROM cube_deltas WHERE extract(hour FROM bucket) < 12",
        "SELECT merge_cube_deltas()",
        "INSERT INTO cube_deltas SELECT * FROM held",
    };
    PGconn *conn = PQconnectdb(url);

    for (size_t i = 0; i < ARRAY_SIZE(statements); i++)
        (void)pg_value(conn, statements[i]);
    PQfinish(conn);
}

/* In an order that is not that of time. */
static void fill_database(void)
{
    struct store_writer *w = store_writer_new(pg_db(url));
    struct strbuf err;

    strbuf_init(&err, 1024);
    test_batch_init(&all);
    for (unsigned id = 0; id < EVENTS; id++) {
        struct test_event t = event_of_id(id, USERS);
        if (id % 100 == 0)
            (void)add_message(&all, id);
        if (t.attributes % 7 == 0)
            t.usec += t.attributes % 1000000; /* microseconds too */
        (void)add_event(&all, &t);
    }
    if (store_write(w, &all.batch, &err) != 0) {
        fprintf(stderr, "%s\n", err.ptr);
        exit(99);
    }
    strbuf_release(&err);
    (void)store_writer_free(w);
    merge_half();
}

static int set_up(void **state UNUSED)
{
    struct db_options options = {
        .url = url,
        .application_name = "test",
        .connect_timeout_usec = 5000000,
        .read_only = true,
    };

    pg_database(url);
    fill_database();
    db = pg_db(url);
    cache = report_cache_new(CACHE_BYTES);
    options.report_cache = cache;
    keeping = db_new(&options);
    return cache && keeping ? 0 : -1;
}

static int tear_down(void **state UNUSED)
{
    db = db_free(db);
    keeping = db_free(keeping);
    cache = report_cache_free(cache);
    test_batch_release(&all);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_filter), cmocka_unit_test(test_nothing_found),
        cmocka_unit_test(test_half_open), cmocka_unit_test(test_random_filters),
        cmocka_unit_test(test_failures),  cmocka_unit_test(test_retained),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

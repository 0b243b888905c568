/* Batches in hand: what decoding makes of a message, and what dropping leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/work.h"

#define STREAM "FACEBOOK_EVENTS"
#define CONTEXT(id, n)                                                                             \
    "{\"correlationId\":\"" id "\",\"receivedAt\":\"2026-01-31T12:00:00.123Z\",\"count\":" n "}\n"
#define EVENT_OF(source, type, id, user)                                                           \
    "{\"eventId\":\"" id "\",\"timestamp\":\"2026-01-31T12:00:00Z\",\"source\":\"" source          \
    "\",\"funnelStage\":\"top\",\"eventType\":\"" type "\",\"data\":{\"user\":{" user "}}}"
#define FB_USER                                                                                    \
    "\"userId\":\"u\",\"name\":\"A\\u00e9\",\"age\":30,\"gender\":\"male\",\"location\":{"         \
    "\"country\":\"Peru\",\"city\":\"Lima\"}"
#define FB(id) EVENT_OF("facebook", "ad.view", id, FB_USER) "\n"
#define TTK(id)                                                                                    \
    EVENT_OF("tiktok", "like", id, "\"userId\":\"u\",\"username\":\"n\",\"followers\":3") "\n"
#define BAD(id) EVENT_OF("facebook", "ad.view", id, "\"userId\":7") "\n"

struct fixture {
    struct work work;
    struct event_decoder *decoder;
    char *payloads[16];
    size_t count;
};

static void open_fixture(struct fixture *f)
{
    *f = (struct fixture){ 0 };
    assert_int_equal(work_init(&f->work, 1 << 20), 0);
    f->decoder = event_decoder_new(VALIDATION_LENIENT, 1 << 20);
    assert_non_null(f->decoder);
}

static void close_fixture(struct fixture *f)
{
    work_release(&f->work);
    f->decoder = event_decoder_free(f->decoder);
    for (size_t i = 0; i < f->count; i++)
        free(f->payloads[i]);
}

/* A delivery whose payload ends where its memory ends, so that a read past it is found. */
static struct bus_delivery *delivery(struct fixture *f, const char *payload, uint64_t seq,
                                     uint64_t deliveries)
{
    struct bus_delivery *d = calloc(1, sizeof(*d));
    size_t len = strlen(payload);
    char *copy = malloc(len ? len : 1);

    assert_non_null(d);
    assert_non_null(copy);
    memcpy(copy, payload, len);
    f->payloads[f->count++] = copy;
    *d = (struct bus_delivery){
        .payload = span_of(copy, len),
        .subject = "events.facebook.top",
        .reply = "none",
        .seq = seq,
        .stored_nsec = 1000 + (int64_t)seq,
        .deliveries = deliveries,
    };
    return d;
}

static int take(struct fixture *f, const char *payload, uint64_t seq)
{
    int r = work_take(&f->work, delivery(f, payload, seq, 1), STREAM, 1000);

    assert_int_equal(r, 0);
    return work_decode(&f->work, f->work.message_count - 1, f->decoder, SOURCE_FACEBOOK);
}

static void test_decode(void **state UNUSED)
{
    static const struct {
        const char *name, *payload;
        size_t events, dead, runs; /* entries */
        uint32_t message_events, message_dead;
        const char *reason;
        uint32_t dead_index;
    } cases[] = {
        { "one", CONTEXT("c", "1") FB("a"), 1, 0, 1, 1, 0, NULL, 0 },
        { "two runs", CONTEXT("c", "1") FB("a") CONTEXT("d", "2") FB("b") FB("c"), 3, 0, 2, 3, 0,
          NULL, 0 },
        { "two runs of one request", CONTEXT("c", "1") FB("a") CONTEXT("c", "1") FB("b"), 2, 0, 1,
          2, 0, NULL, 0 },
        { "a bad one between", CONTEXT("c", "3") FB("a") BAD("b") FB("c"), 2, 1, 1, 3, 1,
          "wrong_type", 1 },
        { "another source", CONTEXT("c", "2") FB("a") TTK("b"), 1, 1, 1, 2, 1, "wrong_source", 1 },
        { "not JSON", CONTEXT("c", "2") "{\n" FB("b"), 1, 1, 1, 2, 1, "invalid_json", 0 },
        { "fewer lines than counted", CONTEXT("c", "2") FB("a"), 1, 1, 1, 2, 1, "broken_frame", 1 },
        { "no context", FB("a"), 0, 1, 0, 1, 1, "broken_frame", 0 },
        { "rubbish", "rubbish", 0, 1, 0, 1, 1, "broken_frame", 0 },
        { "empty", "", 0, 0, 0, 0, 0, NULL, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture f;
        const struct work *w = &f.work;

        print_message("%s\n", cases[i].name);
        open_fixture(&f);
        assert_int_equal(take(&f, cases[i].payload, 1), 0);
        assert_int_equal(w->event_count, cases[i].events);
        assert_int_equal(w->dead_count, cases[i].dead);
        assert_int_equal(w->run_count, cases[i].runs);
        assert_int_equal(w->messages[0].events, cases[i].message_events);
        assert_int_equal(w->messages[0].dead, cases[i].message_dead);
        if (cases[i].reason) {
            assert_string_equal(w->dead[0].reason, cases[i].reason);
            assert_int_equal(w->dead[0].index, cases[i].dead_index);
        }
        close_fixture(&f);
    }
}

/* What each run of a message holds, as text: id, events and of these dead ones. */
static void test_runs_of_a_message(void **state UNUSED)
{
    static const struct {
        const char *payload, *runs;
    } cases[] = {
        { CONTEXT("c", "1") FB("a"), "c:1/0 " },
        { CONTEXT("c", "1") FB("a") CONTEXT("d", "2") FB("b") BAD("c"), "c:1/0 d:2/1 " },
        { CONTEXT("c", "1") FB("a") CONTEXT("c", "1") FB("b"), "c:1/0 c:1/0 " },
        { CONTEXT("c", "0") CONTEXT("d", "1") FB("a"), "d:1/0 " },
        { CONTEXT("c", "3") FB("a"), "c:2/1 " }, /* Event-Count does not tell of a third */
        { CONTEXT("c", "1") FB("a") CONTEXT("d", "2"), "c:1/0 d:1/1 " },
        { CONTEXT("c", "1") FB("a") "rubbish", "c:1/0 " }, /* nobody's */
        { FB("a"), "" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture f;
        char text[256] = "";

        print_message("%s\n", cases[i].runs);
        open_fixture(&f);
        assert_int_equal(take(&f, cases[i].payload, 1), 0);
        for (size_t n = 0; n < f.work.message_run_count; n++) {
            const struct store_run *run = &f.work.message_runs[n];

            (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s:%u/%u ",
                           SPAN_ARG(run->correlation_id), run->events, run->dead);
        }
        assert_string_equal(text, cases[i].runs);
        for (size_t n = 0; n < f.work.event_count; n++)
            assert_true(span_eq(f.work.events[n].correlation_id,
                                f.work.message_runs[f.work.events[n].run].correlation_id));
        close_fixture(&f);
    }
}

/* The decoder is used again for the next events, the batch must not notice. */
static void test_strings_outlive_the_decoder(void **state UNUSED)
{
    struct fixture f;
    const struct store_event *e;

    open_fixture(&f);
    assert_int_equal(take(&f, CONTEXT("c", "2") FB("a") FB("b"), 1), 0);
    assert_int_equal(take(&f, CONTEXT("d", "1") FB("zzzzzzzz"), 2), 0);
    e = &f.work.events[0];
    assert_true(span_eq(e->event.event_id, SPAN("a")));
    assert_true(span_eq(e->event.user.name, SPAN("A\xc3\xa9")));
    assert_true(span_eq(e->event.user.city, SPAN("Lima")));
    assert_true(span_eq(e->correlation_id, SPAN("c")));
    assert_null(e->event.engagement.campaign_id.ptr);
    assert_int_equal(f.work.events[2].message, 1);
    assert_int_equal(f.work.events[1].index, 1);
    close_fixture(&f);
}

static void test_condemn(void **state UNUSED)
{
    struct fixture f;

    open_fixture(&f);
    assert_int_equal(
        work_take(&f.work, delivery(&f, CONTEXT("c", "3") FB("a") "{}\n", 1, 1), STREAM, 1000), 0);
    assert_int_equal(work_condemn(&f.work, 0, "killed_collector", "because"), 0);
    assert_int_equal(f.work.event_count, 0);
    assert_int_equal(f.work.dead_count, 3); /* two lines, and the one that is missing */
    assert_int_equal(f.work.messages[0].events, 3);
    assert_int_equal(f.work.messages[0].dead, 3);
    assert_string_equal(f.work.dead[1].reason, "killed_collector");
    assert_string_equal(f.work.dead[2].reason, "broken_frame");
    close_fixture(&f);
}

static void test_event_failed_later(void **state UNUSED)
{
    struct fixture f;

    open_fixture(&f);
    assert_int_equal(take(&f, CONTEXT("c", "2") FB("a") FB("b"), 1), 0);
    assert_int_equal(work_event_failed(&f.work, 1, "database_refused", "detail"), 0);
    assert_true(f.work.events[1].dead);
    assert_false(f.work.events[0].dead);
    assert_int_equal(f.work.messages[0].dead, 1);
    assert_true(span_eq(f.work.dead[0].bytes, f.work.events[1].event.raw));
    close_fixture(&f);
}

static void test_drop(void **state UNUSED)
{
    static const bool flags[] = { false, true, false };
    struct fixture f;
    const struct work *w = &f.work;

    open_fixture(&f);
    assert_int_equal(take(&f, CONTEXT("c", "2") FB("a") BAD("b"), 1), 0);
    assert_int_equal(take(&f, CONTEXT("d", "2") FB("c") BAD("d"), 2), 0);
    assert_int_equal(take(&f, CONTEXT("e", "2") FB("e") BAD("f"), 3), 0);
    assert_int_equal(work_drop(&f.work, flags), 0);
    assert_int_equal(w->message_count, 2);
    assert_int_equal(w->messages[1].seq, 3);
    assert_int_equal(w->deliveries[1]->seq, 3);
    assert_int_equal(w->event_count, 2);
    assert_true(span_eq(w->events[1].event.event_id, SPAN("e")));
    assert_int_equal(w->events[1].message, 1);
    assert_int_equal(w->dead_count, 2);
    assert_int_equal(w->dead[1].message, 1);
    assert_int_equal(w->message_run_count, 2);
    assert_true(span_eq(w->message_runs[w->events[1].run].correlation_id, SPAN("e")));
    assert_int_equal(w->message_runs[1].message, 1);
    assert_int_equal(w->dead[1].run, 1);
    assert_int_equal(work_event_failed(&f.work, 1, "database_refused", "detail"), 0);
    assert_int_equal(w->message_runs[0].dead, 1);
    assert_int_equal(w->message_runs[1].dead, 2);
    work_reset(&f.work);
    assert_int_equal(w->message_count + w->event_count + w->dead_count + w->run_count, 0);
    close_fixture(&f);
}

static void test_limits(void **state UNUSED)
{
    const struct work_limits limits = { .events = 2, .bytes = 1000 };
    struct bus_delivery small = { .payload = { "", 10 } }, large = { .payload = { "", 2000 } };
    struct fixture f;

    open_fixture(&f);
    assert_true(work_fits(&f.work, &limits, &large)); /* alone anything fits */
    assert_int_equal(take(&f, CONTEXT("c", "1") FB("a"), 1), 0);
    assert_true(work_fits(&f.work, &limits, &small));
    assert_false(work_fits(&f.work, &limits, &large));
    assert_int_equal(take(&f, CONTEXT("c", "1") FB("b"), 2), 0);
    assert_false(work_fits(&f.work, &limits, &small));
    close_fixture(&f);
}

static void test_same_message_twice(void **state UNUSED)
{
    static const struct {
        uint64_t seq;
        int64_t stored_nsec;
        uint64_t deliveries;
        bool has;
    } cases[] = {
        { 5, 1005, 2, true },
        { 5, 9999, 2, false }, /* another stream of that name */
        { 6, 1006, 2, false },
        { 4, 1004, 2, false },
    };
    struct fixture f;

    open_fixture(&f);
    assert_int_equal(take(&f, CONTEXT("c", "1") FB("a"), 5), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct bus_delivery d = {
            .seq = cases[i].seq,
            .stored_nsec = cases[i].stored_nsec,
            .deliveries = cases[i].deliveries,
        };

        assert_int_equal(work_has(&f.work, &d), cases[i].has);
    }
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_runs_of_a_message),
        cmocka_unit_test(test_strings_outlive_the_decoder),
        cmocka_unit_test(test_condemn),
        cmocka_unit_test(test_event_failed_later),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_same_message_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Generated events are valid in the strictest sense, corrupt ones never are, and the same options
 * give the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "event/decode.h"
#include "event/json.h"
#include "load/generator.h"

#define EVENTS 5000
#define START (INT64_C(1769860800) * USEC_PER_SEC) /* 2026-01-31T12:00:00Z */

static const struct generator_options plain = {
    .seed = 7, .users = 300, .campaigns = 9, .source = -1, .start_usec = START, .step_usec = 1000
};

struct one {
    struct strbuf text;
    struct generated facts;
};

static void next(struct generator *g, struct one *one)
{
    strbuf_reset(&one->text);
    assert_int_equal(generator_next(g, &one->text, &one->facts), 0);
    assert_int_equal(strbuf_reserve(&one->text, JSON_PADDING), 0);
}

static void assert_event_matches(const struct event *ev, const struct generated *facts)
{
    assert_int_equal(ev->source, facts->source);
    assert_int_equal(ev->stage, facts->stage);
    assert_int_equal(ev->type, facts->type);
    assert_true(ev->timestamp_usec == facts->timestamp_usec);
    assert_int_equal(event_is_revenue(ev), facts->revenue);
    assert_true((ev->engagement.has_amount ? ev->engagement.amount_cents : 0) ==
                facts->amount_cents);
}

static void events_are_valid_and_as_told(void **state)
{
    _cleanup_(generator_freep) struct generator *g = generator_new(&plain);
    _cleanup_(event_decoder_freep) struct event_decoder *decoder =
        event_decoder_new(VALIDATION_STRICT, 131072);
    struct one one;
    size_t bytes = 0;

    (void)state;
    strbuf_init(&one.text, 65536);
    for (int i = 0; i < EVENTS; i++) {
        struct event ev;
        struct event_fault fault;

        next(g, &one);
        bytes += one.text.len;
        if (event_decode(decoder, strbuf_span(&one.text), START, &ev, &fault) < 0)
            fail_msg("%s: %s in %s", fault.pointer, fault.expected, one.text.ptr);
        assert_event_matches(&ev, &one.facts);
        assert_true(one.facts.timestamp_usec == START + i * 1000);
        assert_in_range(one.facts.user, 0, 299);
    }
    assert_in_range(bytes / EVENTS, 340, 440);
    strbuf_release(&one.text);
}

static void corrupt_events_never_pass(void **state)
{
    _cleanup_(generator_freep) struct generator *g = generator_new(&plain);
    _cleanup_(event_decoder_freep) struct event_decoder *decoder =
        event_decoder_new(VALIDATION_LENIENT, 131072);
    static const char *const pointers[] = { "/eventId",   "/timestamp",     "/eventType",
                                            "/data/user", "/data/user/age", "/data/user/followers",
                                            "/source",    "/funnelStage" };
    unsigned seen[ARRAY_SIZE(pointers)] = { 0 };
    _cleanup_strbuf_ struct strbuf text;

    (void)state;
    strbuf_init(&text, 65536);
    for (int i = 0; i < 1000; i++) {
        struct event ev;
        struct event_fault fault;
        size_t p = 0;

        strbuf_reset(&text);
        assert_int_equal(generator_corrupt(g, &text), 0);
        assert_int_equal(strbuf_reserve(&text, JSON_PADDING), 0);
        assert_int_equal(event_decode(decoder, strbuf_span(&text), START, &ev, &fault), -EBADMSG);
        while (p < ARRAY_SIZE(pointers) && strcmp(pointers[p], fault.pointer) != 0)
            p++;
        if (p == ARRAY_SIZE(pointers))
            fail_msg("unexpected fault at %s", fault.pointer);
        seen[p]++;
    }
    for (size_t p = 0; p < ARRAY_SIZE(pointers); p++)
        assert_true(seen[p] > 0);
}

static void same_options_same_bytes(void **state)
{
    struct generator_options other = plain;
    _cleanup_(generator_freep) struct generator *a = generator_new(&plain);
    _cleanup_(generator_freep) struct generator *b = generator_new(&plain);
    _cleanup_(generator_freep) struct generator *c = NULL;
    struct one x, y, z;

    (void)state;
    other.seed = 8;
    c = generator_new(&other);
    strbuf_init(&x.text, 65536);
    strbuf_init(&y.text, 65536);
    strbuf_init(&z.text, 65536);
    for (int i = 0; i < 200; i++) {
        next(a, &x);
        next(b, &y);
        next(c, &z);
        assert_string_equal(x.text.ptr, y.text.ptr);
        assert_string_not_equal(x.text.ptr, z.text.ptr);
    }
    strbuf_release(&x.text);
    strbuf_release(&y.text);
    strbuf_release(&z.text);
}

/* Position of the event's text among those made so far, or count. */
static size_t find(char **texts, size_t count, const char *text)
{
    size_t i = 0;

    while (i < count && strcmp(texts[i], text) != 0)
        i++;
    return i;
}

static void duplicates_repeat_to_the_byte(void **state)
{
    struct generator_options options = plain;
    _cleanup_(generator_freep) struct generator *g = NULL;
    char *texts[2000];
    size_t count = 0, duplicates = 0;
    struct one one;

    (void)state;
    options.duplicates = 0.1;
    options.span_usec = 3600 * USEC_PER_SEC;
    g = generator_new(&options);
    strbuf_init(&one.text, 65536);
    for (size_t i = 0; i < 2000; i++) {
        next(g, &one);
        if (i % 500 == 499)
            generator_set_start(g, START + (int64_t)i * USEC_PER_SEC);
        assert_int_equal(find(texts, count, one.text.ptr) < count, one.facts.duplicate);
        if (one.facts.duplicate)
            duplicates++;
        else
            texts[count++] = strdup(one.text.ptr);
    }
    assert_in_range(duplicates, 150, 250);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    strbuf_release(&one.text);
}

static void a_user_never_changes(void **state)
{
    _cleanup_(generator_freep) struct generator *g = NULL;
    struct generator_options options = plain;
    char *users[2][20] = { { NULL } };
    struct one one;

    (void)state;
    options.users = 20;
    g = generator_new(&options);
    strbuf_init(&one.text, 65536);
    for (int i = 0; i < 2000; i++) {
        char **user, *begin, *end;

        next(g, &one);
        begin = strstr(one.text.ptr, "\"user\":");
        end = strstr(one.text.ptr, ",\"engagement\"");
        assert_non_null(begin);
        assert_non_null(end);
        *end = '\0';
        user = &users[one.facts.source][one.facts.user];
        if (!*user)
            *user = strdup(begin);
        assert_string_equal(*user, begin);
    }
    for (int s = 0; s < 2; s++)
        for (int u = 0; u < 20; u++) {
            assert_non_null(users[s][u]);
            free(users[s][u]);
        }
    strbuf_release(&one.text);
}

static void a_full_buffer_is_an_error(void **state)
{
    _cleanup_(generator_freep) struct generator *g = generator_new(&plain);
    _cleanup_strbuf_ struct strbuf small;
    struct generated facts;

    (void)state;
    strbuf_init(&small, 100);
    assert_int_equal(generator_next(g, &small, &facts), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_valid_and_as_told),
        cmocka_unit_test(corrupt_events_never_pass),
        cmocka_unit_test(same_options_same_bytes),
        cmocka_unit_test(duplicates_repeat_to_the_byte),
        cmocka_unit_test(a_user_never_changes),
        cmocka_unit_test(a_full_buffer_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Requests that wait for their handler's answer: parked or suspended, answered or abandoned. */
#include "unit/service/http_fixture.h"

#define MANY 100 /* more than a loop parks, and all that the fixture lets wait */
#define LONG_USEC (60 * USEC_PER_MSEC) /* longer than any is parked */

static struct http_request *held[MANY];
static _Atomic unsigned held_count, forgotten;

static void hold(struct http_request *req, void *ctx UNUSED)
{
    held[atomic_fetch_add(&held_count, 1)] = req;
}

static void let_go(struct http_request *req, void *ctx UNUSED)
{
    for (unsigned i = 0; i < held_count; i++)
        if (held[i] == req)
            held[i] = NULL;
    forgotten++;
}

static void answer_held(struct http_post *post UNUSED)
{
    for (unsigned i = 0; i < held_count; i++)
        if (held[i])
            http_reply(TAKE_PTR(held[i]), 200, "text/plain", SPAN("late"), NULL, 0);
    held_count = 0;
}

static int open_as(void **state, bool watch_clients)
{
    static struct http_route routes[] = {
        { "GET", "/hold", hold, let_go, NULL, 0, false },
        { "POST", "/echo", echo, NULL, NULL, 1 << 18, false },
    };
    struct fixture *f = calloc(1, sizeof(*f));

    held_count = forgotten = 0;
    f->options = (struct http_server_options)FIXTURE_OPTIONS;
    f->options.watch_clients = watch_clients;
    fixture_open(f, routes, ARRAY_SIZE(routes));
    f->answer_post.fn = answer_held;
    *state = f;
    return 0;
}

static int open_server(void **state)
{
    return open_as(state, /* watch_clients= */ false);
}

static int open_watchful(void **state)
{
    return open_as(state, /* watch_clients= */ true);
}

static void answer_all(struct fixture *f)
{
    http_loop_post(http_server_loop(f->server, 0), &f->answer_post);
}

static void say_hold(int fd)
{
    say(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
}

/* Twice on the same connections: at once, and when all of them have waited for long. */
static void many_at_once(void **state)
{
    static const uint64_t waits[] = { 0, LONG_USEC };
    struct fixture *f = *state;
    int fds[MANY];

    for (int i = 0; i < MANY; i++)
        fds[i] = dial(f);
    for (size_t round = 0; round < ARRAY_SIZE(waits); round++) {
        for (int i = 0; i < MANY; i++)
            say_hold(fds[i]);
        wait_for(&held_count, MANY);
        (void)usleep((useconds_t)waits[round]);
        answer_all(f);
        for (int i = 0; i < MANY; i++) {
            _cleanup_(answer_release) struct answer a;

            hear(fds[i], &a);
            assert_int_equal(a.status, 200);
            assert_string_equal(a.body.ptr, "late");
        }
    }
    for (int i = 0; i < MANY; i++)
        (void)close(fds[i]);
}

/* Those who wait keep nobody from being served, also a body that comes in pieces. */
static void others_are_served(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int waiting = dial(f), other = dial(f);
    _cleanup_(answer_release) struct answer a, late;
    char *body = calloc(1, 1 << 18);

    say_hold(waiting);
    wait_for(&held_count, 1);
    memset(body, 'b', 1 << 18);
    say(other, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 262144\r\n\r\n");
    for (size_t sent = 0; sent < 1 << 18; sent += 1 << 16)
        say_bytes(other, body + sent, 1 << 16);
    hear(other, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.len, 1 << 18);
    answer_all(f);
    hear(waiting, &late);
    assert_int_equal(late.status, 200);
    free(body);
}

/* Of a client that goes away at once the handler hears, unless it was slow to come here. */
static void who_goes_away_is_forgotten(void **state)
{
    const struct linger reset = { .l_onoff = 1 };
    struct fixture *f = *state;

    for (int i = 0; i < 50 && !forgotten; i++) {
        _cleanup_(answer_release) struct answer first;
        int fd = dial(f);
        uint64_t end;

        /* What a new connection brings along is read before its ends are watched for. */
        say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
        hear(fd, &first);
        assert_int_equal(first.status, 200);
        say_hold(fd);
        wait_for(&held_count, 1);
        assert_return_code(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), errno);
        (void)close(fd);
        end = clock_mono_usec() + LONG_USEC;
        while (!forgotten && clock_mono_usec() < end)
            (void)usleep(1000);
        answer_all(f);
        while (held_count)
            (void)usleep(1000);
    }
    assert_int_equal(forgotten, 1);
}

/* Whoever has waited for long and goes, by killing it or in order, is forgotten; the others, those
 * that have sent more meanwhile as well, get their answers. */
static void who_goes_away_later_is_forgotten_too(void **state)
{
    const struct linger reset = { .l_onoff = 1 };
    struct fixture *f = *state;
    _cleanup_close_ int stays = dial(f), pipelines = dial(f);
    int killed = dial(f), closed = dial(f), closed_with_more = dial(f);
    _cleanup_(answer_release) struct answer a, first, second;

    say_hold(stays);
    say_hold(pipelines);
    say_hold(killed);
    say_hold(closed);
    say_hold(closed_with_more);
    wait_for(&held_count, 5);
    (void)usleep((useconds_t)LONG_USEC);
    say(pipelines, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    say(closed_with_more, "POST /echo HTTP/1.1\r\n");
    assert_return_code(setsockopt(killed, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), errno);
    (void)close(killed);
    (void)close(closed);
    (void)close(closed_with_more);
    wait_for(&forgotten, 3);
    answer_all(f);
    hear(stays, &a);
    assert_int_equal(a.status, 200);
    hear(pipelines, &first);
    assert_string_equal(first.body.ptr, "late");
    hear(pipelines, &second);
    assert_string_equal(second.body.ptr, "ab");
    assert_int_equal(forgotten, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_at_once, open_server, teardown),
        cmocka_unit_test_setup_teardown(others_are_served, open_server, teardown),
        cmocka_unit_test_setup_teardown(who_goes_away_is_forgotten, open_server, teardown),
        cmocka_unit_test_setup_teardown(who_goes_away_later_is_forgotten_too, open_watchful,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

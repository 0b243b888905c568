/* What is counted by client address, with a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "service/http_clients.h"

DEFINE_CLEANUP(struct http_clients *, http_clients_free)
#define _cleanup_clients_ _cleanup_(http_clients_freep)

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static union address address_of(const char *text)
{
    union address a = { 0 };

    if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1) {
        a.in.sin_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &a.in6.sin6_addr), 1);
        a.in6.sin6_family = AF_INET6;
    }
    return a;
}

static int enter(struct http_clients *c, const char *text, uint64_t now, struct http_client **ret)
{
    union address a = address_of(text);

    return http_clients_enter(c, &a.any, now, ret);
}

static void who_is_the_same(void **state UNUSED)
{
    static const struct {
        const char *first, *second;
        bool same;
    } cases[] = {
        { "10.0.0.1", "10.0.0.1", true },
        { "10.0.0.1", "10.0.0.2", false },
        { "10.0.0.1", "::ffff:10.0.0.1", true },
        { "::ffff:10.0.0.2", "::ffff:10.0.0.1", false },
        { "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true },
        { "2001:db8:1:2::1", "2001:db8:1:3::1", false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_clients_ struct http_clients *c = http_clients_new(1, 0);
        struct http_client *first, *second;
        int r;

        assert_int_equal(enter(c, cases[i].first, 1, &first), 0);
        r = enter(c, cases[i].second, 1, &second);
        if (r != (cases[i].same ? -EDQUOT : 0))
            fail_msg("%s and %s: %d", cases[i].first, cases[i].second, r);
    }
}

static void places_come_back(void **state UNUSED)
{
    _cleanup_clients_ struct http_clients *c = http_clients_new(2, 0);
    struct http_client *first, *second, *third;

    for (int round = 0; round < 3; round++) {
        assert_int_equal(enter(c, "10.0.0.1", 1, &first), 0);
        assert_int_equal(enter(c, "10.0.0.1", 1, &second), 0);
        assert_int_equal(enter(c, "10.0.0.1", 1, &third), -EDQUOT);
        http_clients_leave(c, first);
        assert_int_equal(enter(c, "10.0.0.1", 1, &first), 0);
        http_clients_leave(c, first);
        http_clients_leave(c, second);
    }
}

/* A second's worth at once, then as they come back; a new connection brings no new allowance. */
static void rate(void **state UNUSED)
{
    _cleanup_clients_ struct http_clients *c = http_clients_new(0, 10);
    struct http_client *client, *other;
    uint64_t now = 5 * USEC_PER_SEC;

    assert_int_equal(enter(c, "10.0.0.1", now, &client), 0);
    assert_int_equal(enter(c, "10.0.0.2", now, &other), 0);
    for (int i = 0; i < 10; i++)
        assert_true(http_clients_request(c, client, now));
    assert_false(http_clients_request(c, client, now));
    assert_true(http_clients_request(c, other, now));
    http_clients_leave(c, client);
    assert_int_equal(enter(c, "10.0.0.1", now, &client), 0);
    assert_false(http_clients_request(c, client, now + 99 * USEC_PER_MSEC));
    assert_true(http_clients_request(c, client, now + 100 * USEC_PER_MSEC));
    assert_false(http_clients_request(c, client, now + 150 * USEC_PER_MSEC));
    now += 10 * USEC_PER_SEC; /* what was not used does not add up */
    for (int i = 0; i < 10; i++)
        assert_true(http_clients_request(c, client, now));
    assert_false(http_clients_request(c, client, now));
    http_clients_leave(c, client);
    http_clients_leave(c, other);
}

/* Those that went away are forgotten as others come; AddressSanitizer sees what is lost or used
 * after that. */
static void many_clients(void **state UNUSED)
{
    _cleanup_clients_ struct http_clients *c = http_clients_new(1, 1);
    struct http_client *client;
    char text[32];

    for (unsigned i = 0; i < 20000; i++) {
        uint64_t now = USEC_PER_SEC + i * (uint64_t)USEC_PER_MSEC;

        (void)snprintf(text, sizeof(text), "10.%u.%u.1", i / 250 % 250, i % 250);
        assert_int_equal(enter(c, text, now, &client), 0);
        assert_true(http_clients_request(c, client, now));
        assert_false(http_clients_request(c, client, now));
        http_clients_leave(c, client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_the_same),
        cmocka_unit_test(places_come_back),
        cmocka_unit_test(rate),
        cmocka_unit_test(many_clients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

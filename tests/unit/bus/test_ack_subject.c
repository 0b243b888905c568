#include "bus/ack_subject.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"

#define STORED INT64_C(1763928000123456789)

static const struct {
    const char *subject;
    int result;
    struct ack_subject want;
} cases[] = {
    { "$JS.ACK.S.c.1.42.43.1763928000123456789.9", 0, { 1, 42, STORED, 9, 43 } },
    { "$JS.ACK._.hash.S.c.2.42.43.1763928000123456789.9", 0, { 2, 42, STORED, 9, 43 } },
    { "$JS.ACK.hub.hash.S.c.2.42.43.1763928000123456789.9.token", 0, { 2, 42, STORED, 9, 43 } },
    { "$JS.ACK.S.c.1.18446744073709551615.43.0.0", 0, { 1, UINT64_MAX, 0, 0, 43 } },
    { "$JS.ACK.S.c.1.42.43.1763928000123456789", -EBADMSG, { 0 } },
    { "$JS.ACK.S.c.1.42.43.1763928000123456789.9.10", -EBADMSG, { 0 } },
    { "$JS.ACK.hub.hash.S.c.2.42.43.1763928000123456789.9.token.more", -EBADMSG, { 0 } },
    { "$JS.ACK.S.c.x.42.43.1763928000123456789.9", -EBADMSG, { 0 } },
    { "$JS.ACK.S.c.1.42.x.1763928000123456789.9", -EBADMSG, { 0 } },
    { "$JS.ACK.S.c.1..43.1763928000123456789.9", -EBADMSG, { 0 } },
    { "$JS.ACK.S.c.1.-42.43.1763928000123456789.9", -EBADMSG, { 0 } },
    { "$JS.NAK.S.c.1.42.43.1763928000123456789.9", -EBADMSG, { 0 } },
    { "_INBOX.abc", -EBADMSG, { 0 } },
    { "", -EBADMSG, { 0 } },
};

static void test_cases(UNUSED void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct ack_subject a = { 0 };

        print_message("%s\n", cases[i].subject);
        assert_int_equal(ack_subject_parse(span_str(cases[i].subject), &a), cases[i].result);
        assert_int_equal(a.deliveries, cases[i].want.deliveries);
        assert_int_equal(a.stream_seq, cases[i].want.stream_seq);
        assert_int_equal(a.stored_nsec, cases[i].want.stored_nsec);
        assert_int_equal(a.pending, cases[i].want.pending);
        assert_int_equal(a.consumer_seq, cases[i].want.consumer_seq);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

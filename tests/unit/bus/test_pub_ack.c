#include "bus/pub_ack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"

static const struct {
    const char *json;
    enum bus_outcome outcome;
    uint64_t seq;
    int code;
    const char *error;
} cases[] = {
    { "{\"stream\":\"S\",\"seq\":7}", BUS_STORED, 7, 0, "" },
    { "{\"stream\":\"S\", \"domain\":\"hub\", \"seq\": 18446744073709551615}", BUS_STORED,
      UINT64_MAX, 0, "" },
    { "{\"stream\":\"S\",\"seq\":7,\"duplicate\":true}", BUS_DUPLICATE, 7, 0, "" },
    { "{\"stream\":\"S\",\"seq\":7,\"duplicate\": false}", BUS_STORED, 7, 0, "" },
    { "{\"duplicate\":true,\"seq\":7}", BUS_DUPLICATE, 7, 0, "" },
    { "{\"type\":\"t\",\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"maximum bytes "
      "exceeded\"},\"stream\":\"S\",\"seq\":0}",
      BUS_REFUSED, 0, 10077, "maximum bytes exceeded" },
    { "{\"error\":{\"code\":503,\"description\":\"a \\\"b\\\" c\"}}", BUS_REFUSED, 0, 0,
      "a \\\"b\\\" c" },
    { "{\"stream\":\"error\",\"seq\":3}", BUS_STORED, 3, 0, "" },
    { "{ \"stream\"\n:\t\"S\" ,\r\n \"seq\"\t: 7 }", BUS_STORED, 7, 0, "" },
    { "{\"error\":{\"err_code\":4294967306,\"description\":\"d\"}}", BUS_REFUSED, 0, 0, "d" },
    { "{\"stream\":\"S\",\"seq\":0}", BUS_UNKNOWN, 0, 0, NULL },
    { "{\"stream\":\"S\",\"seq\":-1}", BUS_UNKNOWN, 0, 0, NULL },
    { "{\"stream\":\"S\",\"seq\":\"", BUS_UNKNOWN, 0, 0, NULL },
    { "{\"stream\":\"S\\", BUS_UNKNOWN, 0, 0, NULL },
    { "{\"stream\"", BUS_UNKNOWN, 0, 0, NULL },
    { "{}", BUS_UNKNOWN, 0, 0, NULL },
    { "", BUS_UNKNOWN, 0, 0, NULL },
    { "[1,2,3]", BUS_UNKNOWN, 0, 0, NULL },
    { "-ERR", BUS_UNKNOWN, 0, 0, NULL },
};

static void test_cases(UNUSED void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bus_result r = { .outcome = BUS_STORED, .seq = 99, .error_code = 99 };

        print_message("%s\n", cases[i].json);
        pub_ack_parse(span_str(cases[i].json), &r);
        assert_int_equal(r.outcome, cases[i].outcome);
        assert_int_equal(r.seq, cases[i].seq);
        assert_int_equal(r.error_code, cases[i].code);
        if (cases[i].error)
            assert_string_equal(r.error, cases[i].error);
        else
            assert_true(r.error[0] != '\0');
    }
}

static void test_long_words_are_cut(UNUSED void **state)
{
    char json[512];
    struct bus_result r;

    (void)snprintf(json, sizeof(json), "{\"error\":{\"err_code\":1,\"description\":\"%0300d\"}}",
                   7);
    pub_ack_parse(span_str(json), &r);
    assert_int_equal(strlen(r.error), sizeof(r.error) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases),
                                        cmocka_unit_test(test_long_words_are_cut) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

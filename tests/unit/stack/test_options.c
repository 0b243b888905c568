#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/options.h"

#define ALL_FLAGS                                                                                  \
    (OPTION_PORT_BASE | OPTION_SCALE | OPTION_DETACH | OPTION_JSON | OPTION_FOLLOW |               \
     OPTION_LINES | OPTION_CLUSTER)

static int parse(struct options *o, const struct options_command *command, const char *line,
                 char ret_error[512])
{
    static char words[16][128];
    static char *argv[17];
    _cleanup_strbuf_ struct strbuf err;
    struct span rest = span_str(line);
    int argc = 0, r;

    for (struct span word; argc < 16 && span_split(&rest, ' ', &word); argc++) {
        (void)snprintf(words[argc], sizeof(words[argc]), "%.*s", SPAN_ARG(word));
        argv[argc] = words[argc];
    }
    argv[argc] = NULL;
    strbuf_init(&err, 4096);
    r = options_parse(o, command, argc, argv, &err);
    (void)snprintf(ret_error, 512, "%s", err.ptr);
    return r;
}

static void test_refused(void **state)
{
    static const struct {
        const char *line, *error;
    } cases[] = {
        { "up --port-base 80", "--port-base takes a port from 1024 to 65528, not '80'" },
        { "up --port-base=65529", "not '65529'" },
        { "up --port-base 3000x", "not '3000x'" },
        { "up --port-base", "--port-base takes a value" },
        { "up --scale gateway", "not 'gateway'" },
        { "up --scale gateway=-1", "not 'gateway=-1'" },
        { "up --scale gateway=17", "not 'gateway=17'" },
        { "up --scale gateway=2,nats=2", "not 'nats=2'" },
        { "up --scale prometheus=2", "not 'prometheus=2'" },
        { "up --cluster --port-base 65522", "from 1024 to 65521 with --cluster, not '65522'" },
        { "up --cluster=3", "--cluster takes no value" },
        { "up --detach=yes", "--detach takes no value" },
        { "up -n x", "--lines takes a number, not 'x'" },
        { "up --data=", "--data takes a directory" },
        { "up --colour", "'--colour' is not understood" },
        { "up one two", "'two' is not understood" },
    };
    static const struct options_command command = { .name = "up",
                                                    .word = "[ROLE]",
                                                    .flags = ALL_FLAGS };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct options o;
        char error[512];

        assert_int_not_equal(parse(&o, &command, cases[i].line, error), 0);
        if (!strstr(error, cases[i].error))
            fail_msg("%s: %s", cases[i].line, error);
    }
}

static void test_taken(void **state)
{
    static const struct options_command command = { .name = "up", .flags = ALL_FLAGS };
    struct options o;
    char error[512];

    (void)state;
    assert_int_equal(parse(&o, &command, "up", error), 0);
    assert_string_equal(o.data, "var");
    assert_int_equal(o.port_base, 3000);
    assert_false(o.port_base_given || o.detach || o.json || o.follow);
    assert_int_equal(o.scale[SCALE_GATEWAY], 1);

    assert_int_equal(parse(&o, &command,
                           "up --data=/d -d --port-base 3000 --scale gateway=2,ttk-collector=3 -f "
                           "-n 7 --json",
                           error),
                     0);
    assert_string_equal(o.data, "/d");
    assert_true(o.port_base_given && o.detach && o.json && o.follow);
    assert_int_equal(o.lines, 7);
    assert_int_equal(o.scale[SCALE_GATEWAY], 2);
    assert_int_equal(o.scale[SCALE_FB_COLLECTOR], 1);
    assert_int_equal(o.scale[SCALE_TTK_COLLECTOR], 3);
}

static void test_a_cluster_has_several_of_most_roles(void **state)
{
    static const struct options_command command = { .name = "up", .flags = ALL_FLAGS };
    struct options o;
    char error[512];

    (void)state;
    assert_int_equal(parse(&o, &command, "up --scale gateway=3 --cluster", error), 0);
    assert_true(o.cluster);
    assert_int_equal(o.scale[SCALE_GATEWAY], 3);
    assert_int_equal(o.scale[SCALE_FB_COLLECTOR], 2);
    assert_int_equal(o.scale[SCALE_TTK_COLLECTOR], 2);
    assert_int_equal(o.scale[SCALE_REPORTER], 1);
    assert_int_equal(parse(&o, &command, "up --port-base 65521 --cluster", error), 0);
}

static void test_a_flag_of_another_command_is_refused(void **state)
{
    static const struct options_command command = { .name = "status", .flags = OPTION_JSON };
    struct options o;
    char error[512];

    (void)state;
    assert_int_not_equal(parse(&o, &command, "status --detach", error), 0);
}

static void test_words(void **state)
{
    static const struct options_command needs = { .name = "restart", .word = "ROLE" };
    struct options o;
    char error[512];

    (void)state;
    assert_int_not_equal(parse(&o, &needs, "restart", error), 0);
    assert_int_equal(parse(&o, &needs, "restart gateway --data d", error), 0);
    assert_string_equal(o.role, "gateway");
    assert_string_equal(o.data, "d");
}

static void test_the_rest_is_passed_on(void **state)
{
    static const struct options_command command = { .name = "psql", .passes_rest = true };
    struct options o;
    char error[512];

    (void)state;
    assert_int_equal(parse(&o, &command, "psql -h x --data d -At -c select", error), 0);
    assert_string_equal(o.data, "d");
    assert_string_equal(o.rest[0], "-h");
    assert_string_equal(o.rest[1], "x");
    assert_string_equal(o.rest[2], "-At");
    assert_string_equal(o.rest[3], "-c");
    assert_string_equal(o.rest[4], "select");
    assert_null(o.rest[5]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_a_cluster_has_several_of_most_roles),
        cmocka_unit_test(test_a_flag_of_another_command_is_refused),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_the_rest_is_passed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which role is asked, where, and what its answer is said to mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "admin/readiness.h"
#include "event/json.h"

static void roles_are_found_by_name(void **state)
{
    (void)state;
    assert_int_equal(readiness_role_find(SPAN("gateway"))->default_port, 3000);
    assert_int_equal(readiness_role_find(SPAN("reporter"))->default_port, 3003);
    assert_null(readiness_role_find(SPAN("gate")));
    assert_null(readiness_role_find(SPAN("publisher")));
    assert_null(readiness_role_find(SPAN("")));
}

static void role_of_a_command_line(void **state)
{
    static const struct {
        struct span cmdline;
        const char *name; /* NULL = none */
    } cases[] = {
        { SPAN("sluice\0gateway\0"), "gateway" },
        { SPAN("sluice\0fb-collector\0--writers\0002\0"), "fb-collector" },
        { SPAN("/sbin/docker-init\0--\0sluice\0ttk-collector\0"), "ttk-collector" },
        { SPAN("sluice\0reporter"), "reporter" },
        { SPAN("sluice\0publisher\0"), NULL },
        { SPAN("sluice\0gateways\0"), NULL },
        { SPAN(""), NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct readiness_role *role = readiness_role_of(cases[i].cmdline);

        if (cases[i].name)
            assert_string_equal(role->name, cases[i].name);
        else
            assert_null(role);
    }
}

static void url_of_a_host(void **state)
{
    static const struct {
        const char *host, *url;
    } cases[] = {
        { "127.0.0.1", "http://127.0.0.1:3000/health/readiness" },
        { "0.0.0.0", "http://127.0.0.1:3000/health/readiness" },
        { "localhost", "http://localhost:3000/health/readiness" },
        { "::", "http://[::1]:3000/health/readiness" },
        { "fe80::1", "http://[fe80::1]:3000/health/readiness" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strbuf_ struct strbuf url;

        strbuf_init(&url, 256);
        readiness_url(cases[i].host, 3000, &url);
        assert_string_equal(url.ptr, cases[i].url);
    }
}

static void answers_are_explained(void **state)
{
    static const struct {
        const char *body, *why;
    } cases[] = {
        { "{\"status\":\"draining\",\"dependencies\":{\"nats\":{\"status\":\"ok\"}}}", "draining" },
        { "{\"status\":\"not_ready\",\"dependencies\":{\"nats\":{\"status\":\"ok\"},\"database\":"
          "{\"status\":\"unavailable\",\"error\":\"FATAL:\\nshutting down\"}}}",
          "not_ready; database: FATAL: shutting down" },
        { "{\"dependencies\":{\"a\":{\"status\":\"unavailable\"},\"b\":{},\"c\":7},"
          "\"status\":\"not_ready\"}",
          "not_ready; a is unavailable; b is unavailable" },
        { "<html>", "as before" },
        { "[]", "as before" },
        { "", "as before" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strbuf_ struct strbuf body, why;

        strbuf_init(&body, 4096);
        strbuf_init(&why, 256);
        (void)strbuf_adds(&body, cases[i].body);
        assert_int_equal(strbuf_reserve(&body, JSON_PADDING), 0);
        (void)strbuf_adds(&why, "as before");
        readiness_explain(strbuf_span(&body), &why);
        assert_string_equal(why.ptr, cases[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_are_found_by_name),
        cmocka_unit_test(role_of_a_command_line),
        cmocka_unit_test(url_of_a_host),
        cmocka_unit_test(answers_are_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

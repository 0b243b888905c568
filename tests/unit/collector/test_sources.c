/* The rows of sources: complete, distinct, and true to the event's own names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/macros.h"
#include "collector/source.h"

static void test_rows(void **state UNUSED)
{
    size_t count = 0;

    for (; sources[count]; count++) {
        const struct source *s = sources[count];

        assert_string_equal(s->name, event_source_names[s->source]);
        assert_ptr_equal(source_of_service(s->service), s);
        for (size_t i = 0; i < count; i++) {
            assert_int_not_equal(sources[i]->port, s->port);
            assert_int_not_equal(sources[i]->role, s->role);
            assert_string_not_equal(sources[i]->durable, s->durable);
            assert_string_not_equal(sources[i]->metric_prefix, s->metric_prefix);
        }
    }
    assert_int_equal(count, SOURCE_COUNT);
    assert_null(source_of_service("gateway"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

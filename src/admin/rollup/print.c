/* What was found, for a person or as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/rollup/rollup.h"
#include "base/clock.h"

#define JSON_MAX_BYTES (8 * 1024 * 1024)

static double seconds(const struct rollup *r)
{
    return (double)r->took_usec / (double)USEC_PER_SEC;
}

static bool is_right(const struct rollup *r)
{
    return r->rebuild || r->differences.total == 0;
}

static bool has_kind(const struct differences *d, const char *what)
{
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->list[i].what, what) == 0)
            return true;
    return false;
}

static void print_text(const struct rollup *r)
{
    differences_print(&r->differences, r->rebuild ? "MENDED" : "DIFFERS");
    if (r->rebuild && has_kind(&r->differences, "user_numbers"))
        printf("note: users got other numbers; restart the collectors, which remember the old "
               "ones, and rebuild once more\n");
    if (!is_right(r))
        printf("FAILED: %" PRIu64 " differences in %zu days; sluice rollup rebuild mends them; "
               "%.1f s\n",
               r->differences.total, r->days, seconds(r));
    else if (r->rebuild)
        printf("OK: %" PRIu64 " differences in %zu days were mended; %.1f s\n",
               r->differences.total, r->days, seconds(r));
    else
        printf("OK: the rollups of %zu days agree with the events; %.1f s\n", r->days, seconds(r));
}

static void print_json(const struct rollup *r)
{
    _cleanup_strbuf_ struct strbuf out;
    struct json_out j;

    strbuf_init(&out, JSON_MAX_BYTES);
    json_out_init(&j, &out);
    json_object(&j);
    json_key(&j, "ok");
    json_bool(&j, is_right(r));
    json_key(&j, "days");
    json_u64(&j, r->days);
    json_key(&j, "differences");
    differences_json(&r->differences, &j);
    json_key(&j, "seconds");
    json_double(&j, seconds(r));
    json_object_end(&j);
    printf("%s\n", out.ptr);
}

void rollup_print(const struct rollup *r)
{
    if (r->json)
        print_json(r);
    else
        print_text(r);
}

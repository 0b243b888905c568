#include <errno.h>

#include "admin/rollup/rollup.h"
#include "base/clock.h"
#include "store/rollup.h"

static void take_found(void *rollup, const struct rollup_found *found)
{
    struct rollup *r = rollup;

    for (size_t i = 0; i < found->named; i++)
        differences_add(&r->differences, NULL, found->rollup, 1, "%s", found->names[i]);
    if (found->count > found->named)
        differences_add(&r->differences, NULL, found->rollup, found->count - found->named, "more");
}

/* day: NULL = the users. */
static int pass(struct rollup *r, const char *day, size_t done, struct strbuf *err)
{
    const struct rollup_pass pass = { .day = day, .found = take_found, .ctx = r };

    progress_show(&r->progress, r->rebuild ? "rebuild" : "verify", done, r->days + 1, "%s",
                  day ? day : "users");
    return r->rebuild ? rollup_rebuild(r->db, &pass, err) : rollup_verify(r->db, &pass, err);
}

static int run(struct rollup *r, struct strbuf *err)
{
    _cleanup_(rollup_days_release) struct rollup_days days = { 0 };
    int e = r->rebuild ? rollup_lock(r->db, err) : 0;

    if (e == 0)
        e = rollup_days(r->db, r->from, r->to, &days, err);
    r->days = days.count;
    /* Users first: what a day says of them goes by their numbers. */
    if (e == 0)
        e = pass(r, NULL, 0, err);
    for (size_t i = 0; e == 0 && i < days.count; i++)
        e = pass(r, days.day[i], i + 1, err);
    return e;
}

int rollup_run(struct rollup *r, struct strbuf *err)
{
    uint64_t begun = clock_mono_usec();
    int e;

    progress_start(&r->progress);
    e = run(r, err);
    progress_clear(&r->progress);
    r->took_usec = clock_mono_usec() - begun;
    return e == 0 && r->differences.no_memory ? -ENOMEM : e;
}

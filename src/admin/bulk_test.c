/* sluice bulk-test: many events in a few requests, then as many in one, and the reports must be
 * exact. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/admin.h"
#include "admin/trial/flags.h"
#include "admin/trial/trial.h"
#include "service/settings.h"

#define EVENTS_DEFAULT 50000
#define EVENTS_MAX                                                                                 \
    50000 /* of one request: BULK_MAX_EVENTS of the gateway, as it stands by default */
#define BATCH 1000

enum { FLAG_EVENTS = TRIAL_FLAG_COUNT, FLAG_END };

static int load(struct trial *t, struct settings *settings, int argc, char **argv,
                struct strbuf *err)
{
    struct settings_flag flags[] = {
        TRIAL_FLAGS,
        [FLAG_EVENTS] = { "--events", "N", "events of each half, at most 50000 (default 50000)",
                          NULL },
        [FLAG_END] = { NULL, NULL, NULL, NULL },
    };
    const struct settings_command command = {
        .usage = "sluice bulk-test [flags]",
        .about =
            "Sends 50,000 events in requests of 1,000, then 50,000 in one request, waits until "
            "they are stored and compares every figure of the reports with what was sent.",
        .flags = flags,
    };
    uint64_t events = EVENTS_DEFAULT;
    int r = settings_load(settings, ROLE_ADMIN, &argc, argv, &command, err);

    if (r == 0)
        r = trial_take_flags(t, flags, err);
    if (r == 0)
        r = trial_take_u64(&flags[FLAG_EVENTS], 1, EVENTS_MAX, &events, err);
    t->name = "bulk-test";
    t->phases[0] = (struct trial_phase){
        .name = "batches", .events = events, .batch = BATCH, .form = BODY_ARRAY
    };
    t->phases[1] = (struct trial_phase){
        .name = "bulk", .events = events, .batch = (uint32_t)events, .form = BODY_BULK
    };
    t->phase_count = 2;
    return r;
}

int admin_bulk_test(int argc, char **argv)
{
    _cleanup_free_ struct trial *t = calloc(1, sizeof(*t));

    return t ? trial_command(t, load, argc, argv) : 1;
}

/* sluice stress-test: events at a steady rate for some minutes, and the reports must be exact. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/admin.h"
#include "admin/trial/flags.h"
#include "admin/trial/trial.h"
#include "base/number.h"
#include "service/settings.h"

#define MINUTES_DEFAULT 5
#define MINUTES_MAX (7 * 24 * 60)
#define RATE_DEFAULT 10
#define RATE_MAX 1000000
#define REQUESTS_PER_SECOND 200 /* as long as --batch does not say otherwise */
#define EVENTS_MAX 100000000
#define BATCH_MAX 50000

enum { FLAG_MINUTES = TRIAL_FLAG_COUNT, FLAG_RATE, FLAG_BATCH, FLAG_END };

static int take_minutes(const struct settings_flag *flag, double *ret, struct strbuf *err)
{
    if (!flag->value)
        return 0;
    if (parse_double(span_str(flag->value), ret) == 0 && *ret > 0 && *ret <= MINUTES_MAX)
        return 0;
    strbuf_setf(err, "--minutes=%s: takes minutes, such as 5 or 0.5", flag->value);
    return -EINVAL;
}

static int plan(struct trial *t, const struct settings_flag *flags, struct strbuf *err)
{
    uint64_t rate = RATE_DEFAULT, batch;
    double minutes = MINUTES_DEFAULT;
    int r = take_minutes(&flags[FLAG_MINUTES], &minutes, err);

    if (r == 0)
        r = trial_take_u64(&flags[FLAG_RATE], 1, RATE_MAX, &rate, err);
    batch = (rate + REQUESTS_PER_SECOND - 1) / REQUESTS_PER_SECOND;
    if (r == 0)
        r = trial_take_u64(&flags[FLAG_BATCH], 1, BATCH_MAX, &batch, err);
    if (r < 0)
        return r;
    t->phases[0] = (struct trial_phase){
        .name = "stress",
        .events = (uint64_t)ceil(minutes * 60 * (double)rate),
        .batch = (uint32_t)batch,
        .form = BODY_ARRAY,
        .rate = (double)rate,
    };
    t->phase_count = 1;
    if (t->phases[0].events <= EVENTS_MAX)
        return 0;
    strbuf_setf(err, "%llu events are more than the %d that one run may send",
                (unsigned long long)t->phases[0].events, EVENTS_MAX);
    return -EINVAL;
}

static int load(struct trial *t, struct settings *settings, int argc, char **argv,
                struct strbuf *err)
{
    struct settings_flag flags[] = {
        TRIAL_FLAGS,
        [FLAG_MINUTES] = { "--minutes", "N", "how long (default 5)", NULL },
        [FLAG_RATE] = { "--rate", "N", "events per second (default 10)", NULL },
        [FLAG_BATCH] = { "--batch", "N",
                         "events of a request (default: so many that 200 requests a second do)",
                         NULL },
        [FLAG_END] = { NULL, NULL, NULL, NULL },
    };
    const struct settings_command command = {
        .usage = "sluice stress-test [flags]",
        .about = "Sends events at a steady rate, waits until they are stored and compares every "
                 "figure of the reports with what was sent.",
        .flags = flags,
    };
    int r = settings_load(settings, ROLE_ADMIN, &argc, argv, &command, err);

    if (r == 0)
        r = trial_take_flags(t, flags, err);
    t->name = "stress-test";
    return r == 0 ? plan(t, flags, err) : r;
}

int admin_stress_test(int argc, char **argv)
{
    _cleanup_free_ struct trial *t = calloc(1, sizeof(*t));

    return t ? trial_command(t, load, argc, argv) : 1;
}

#include "publisher/options.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/span.h"

#define VARY "10-100"
#define RATE_MAX 10e6
#define BATCH_MAX 50000
#define CONNECTIONS_MAX 256

enum flag {
    FLAG_RATE,
    FLAG_BATCH,
    FLAG_CORRUPT,
    FLAG_DUPLICATES,
    FLAG_USERS,
    FLAG_CAMPAIGNS,
    FLAG_SEED,
    FLAG_START,
    FLAG_COUNT,
    FLAG_CONNECTIONS,
    FLAG_END
};

static int wrong(struct strbuf *err, const struct settings_flag *flag, const char *takes)
{
    strbuf_setf(err, "%s=%s: takes %s", flag->name, flag->value, takes);
    return -EINVAL;
}

static int load_u32(const struct settings_flag *flag, uint32_t low, uint32_t high, uint32_t *ret,
                    struct strbuf *err)
{
    uint32_t value;

    if (!flag->value)
        return 0;
    if (parse_u32(span_str(flag->value), &value) < 0 || value < low || value > high) {
        strbuf_setf(err, "%s=%s: takes a whole number from %u to %u", flag->name, flag->value, low,
                    high);
        return -EINVAL;
    }
    *ret = value;
    return 0;
}

static int load_u64(const struct settings_flag *flag, uint64_t *ret, struct strbuf *err)
{
    if (flag->value && parse_u64(span_str(flag->value), ret) < 0)
        return wrong(err, flag, "a whole number");
    return 0;
}

static int load_share(const struct settings_flag *flag, double *ret, struct strbuf *err)
{
    double value;

    if (!flag->value)
        return 0;
    if (parse_double(span_str(flag->value), &value) < 0 || !(value >= 0 && value <= 1))
        return wrong(err, flag, "a share from 0 to 1");
    *ret = value;
    return 0;
}

/* "50", "10-100" or "max". */
static int load_rate(const struct settings_flag *flag, struct publisher_options *o,
                     struct strbuf *err)
{
    struct span high = span_str(flag->value ? flag->value : VARY), low;

    if (span_eq(high, SPAN("max"))) {
        o->rate_low = o->rate_high = 0;
        return 0;
    }
    if (!span_split(&high, '-', &low) || parse_double(low, &o->rate_low) < 0 ||
        parse_double(high.ptr ? high : low, &o->rate_high) < 0 || !(o->rate_low > 0) ||
        !(o->rate_high >= o->rate_low) || !(o->rate_high <= RATE_MAX))
        return wrong(err, flag, "events per second: 50, a range such as 10-100, or max");
    return 0;
}

static int load_start(const struct settings_flag *flag, int64_t *ret, struct strbuf *err)
{
    if (flag->value && timestamp_parse(span_str(flag->value), ret) < 0)
        return wrong(err, flag, "a time such as 2026-01-31T12:00:00Z");
    return 0;
}

static int random_seed(uint64_t *ret)
{
    return getrandom(ret, sizeof(*ret), 0) == sizeof(*ret) ? 0 : -EIO;
}

static int load_values(struct publisher_options *o, const struct settings_flag *flags,
                       struct strbuf *err)
{
    int r = load_rate(&flags[FLAG_RATE], o, err);

    if (r == 0)
        r = load_u32(&flags[FLAG_BATCH], 1, BATCH_MAX, &o->batch, err);
    if (r == 0)
        r = load_share(&flags[FLAG_CORRUPT], &o->corrupt, err);
    if (r == 0)
        r = load_share(&flags[FLAG_DUPLICATES], &o->duplicates, err);
    if (r == 0)
        r = load_u32(&flags[FLAG_USERS], 1, UINT32_MAX, &o->users, err);
    if (r == 0)
        r = load_u32(&flags[FLAG_CAMPAIGNS], 1, 1000000, &o->campaigns, err);
    if (r == 0)
        r = flags[FLAG_SEED].value ? load_u64(&flags[FLAG_SEED], &o->seed, err)
                                   : random_seed(&o->seed);
    if (r == 0)
        r = load_start(&flags[FLAG_START], &o->start_usec, err);
    if (r == 0)
        r = load_u64(&flags[FLAG_COUNT], &o->count, err);
    if (r == 0)
        r = load_u32(&flags[FLAG_CONNECTIONS], 1, CONNECTIONS_MAX, &o->connections, err);
    return r;
}

int publisher_options_load(struct publisher_options *o, struct settings *settings, int argc,
                           char **argv, struct strbuf *err)
{
    struct settings_flag flags[] = {
        [FLAG_RATE] = { "--rate", "N|LOW-HIGH|max",
                        "events per second (default " VARY ": swings between them)", NULL },
        [FLAG_BATCH] = { "--batch", "N", "events of one request (default 10)", NULL },
        [FLAG_CORRUPT] = { "--corrupt", "SHARE",
                           "share of requests that carry one corrupt event (default 0.1)", NULL },
        [FLAG_DUPLICATES] = { "--duplicates", "SHARE",
                              "share of events that repeat an earlier one (default 0.02)", NULL },
        [FLAG_USERS] = { "--users", "N", "distinct users of each source (default 1000)", NULL },
        [FLAG_CAMPAIGNS] = { "--campaigns", "N", "distinct campaigns (default 20)", NULL },
        [FLAG_SEED] = { "--seed", "N", "the same seed gives the same events (default random)",
                        NULL },
        [FLAG_START] = { "--start", "TIME",
                         "timestamps count from here, one millisecond apart, for runs that are "
                         "equal "
                         "to the byte (default: they follow the clock)",
                         NULL },
        [FLAG_COUNT] = { "--count", "N", "stop after so many events (default: never)", NULL },
        [FLAG_CONNECTIONS] = { "--connections", "N", "requests open at once (default 4)", NULL },
        [FLAG_END] = { NULL, NULL, NULL, NULL },
    };
    const struct settings_command command = {
        .usage = "sluice publisher [flags]",
        .about =
            "Posts arrays of random events to EVENT_ENDPOINT, as ad platforms do: some of them "
            "corrupt, some twice. A request that is not answered is sent again until it is.",
        .flags = flags,
    };
    int r = settings_load(settings, ROLE_PUBLISHER, &argc, argv, &command, err);

    if (r != 0)
        return r;
    *o = (struct publisher_options){
        .batch = 10,
        .corrupt = 0.1,
        .duplicates = 0.02,
        .users = 1000,
        .campaigns = 20,
        .connections = 4,
    };
    return load_values(o, flags, err);
}

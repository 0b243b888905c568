#include "admin/trial/trial.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "admin/trial/compare.h"
#include "admin/trial/phase.h"
#include "admin/trial/result.h"
#include "base/clock.h"
#include "load/http_load.h"
#include "load/random.h"

#define HOUR_USEC (INT64_C(3600) * USEC_PER_SEC)
#define WINDOW_TRIES 10
#define CAMPAIGNS 50
#define GATEWAY_TIMEOUT_USEC (5 * UINT64_C(1000000))
#define PATIENCE_USEC (60 * UINT64_C(1000000)) /* without any progress */
#define ASK_AGAIN_NSEC (50 * 1000 * 1000)

static uint64_t events_of(const struct trial *t)
{
    uint64_t events = 0;

    for (size_t i = 0; i < t->phase_count; i++)
        events += t->phases[i].events;
    return events;
}

/* Between one and five hours ago, where no event of a live publisher comes and no retention
 * reaches. */
static int choose_window(struct trial *t, struct random *random, struct strbuf *err)
{
    uint64_t found = 0;

    for (int i = 0; i < WINDOW_TRIES; i++) {
        int64_t ago = HOUR_USEC + (int64_t)random_below(random, (uint64_t)(4 * HOUR_USEC));
        int r;

        t->from_usec = clock_wall_usec() - ago;
        t->to_usec = t->from_usec + (int64_t)events_of(t);
        r = compare_count(t->reporter, t->from_usec, t->to_usec, &found, err);
        if (r < 0 || found == 0)
            return r;
    }
    strbuf_setf(err, "the last hours are full of events: no window of time without any was found");
    return -EBUSY;
}

/* Before anything is sent: a gateway that is away would be tried for minutes. */
static int find_gateway(const struct trial *t, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf text;
    char url[TRIAL_URL_MAX + 32];
    long status = 0;
    int r;

    strbuf_init(&text, 65536);
    (void)snprintf(url, sizeof(url), "%s/health/readiness", t->gateway);
    r = http_get(url, GATEWAY_TIMEOUT_USEC, &status, &text, err);
    if (r < 0 || status == 200)
        return r;
    if (status > 0)
        strbuf_setf(err, "%s: HTTP %ld: %.200s", url, status, text.ptr);
    return -EIO;
}

static int prepare(struct trial *t, struct strbuf *err)
{
    char id_prefix[64];
    struct generator_options options = {
        .users = TALLY_USERS,
        .campaigns = CAMPAIGNS,
        .source = -1,
        .step_usec = 1,
        .id_prefix = id_prefix,
    };
    struct random random;
    int r;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        strbuf_setf(err, "no random numbers: %s", strerror(errno));
        return -EIO;
    }
    r = find_gateway(t, err);
    if (r == 0)
        r = choose_window(t, &random, err);
    if (r < 0)
        return r;
    options.seed = random_u64(&random);
    options.start_usec = t->from_usec;
    (void)snprintf(id_prefix, sizeof(id_prefix), "%s-%016" PRIx64, t->name, options.seed);
    t->generator = generator_new(&options);
    if (t->generator)
        return 0;
    strbuf_setf(err, "out of memory");
    return -ENOMEM;
}

/* Until the reporter counts all events that were sent: the collectors work behind the gateway. */
static int wait_stored(struct trial *t, struct strbuf *err)
{
    const struct timespec ask_again = { .tv_nsec = ASK_AGAIN_NSEC };
    uint64_t moved_usec = clock_mono_usec(), stored = 0, before = 0;

    for (;;) {
        int r = compare_count(t->reporter, t->from_usec, t->to_usec, &stored, err);

        if (r < 0)
            return r;
        if (stored >= t->tally.events)
            return 0;
        progress_show(&t->progress, "stored", stored, t->tally.events, "%llu of %llu events",
                      (unsigned long long)stored, (unsigned long long)t->tally.events);
        if (stored != before) {
            before = stored;
            moved_usec = clock_mono_usec();
        } else if (clock_mono_usec() - moved_usec > PATIENCE_USEC) {
            strbuf_setf(err,
                        "only %llu of %llu events are stored, and none came for a minute: look "
                        "at the collectors (sluice status, sluice logs)",
                        (unsigned long long)stored, (unsigned long long)t->tally.events);
            return -ETIMEDOUT;
        }
        (void)nanosleep(&ask_again, NULL); /* a reporter tells nobody by itself */
    }
}

static int verify(struct trial *t, uint64_t started_usec, struct strbuf *err)
{
    int r = wait_stored(t, err);

    t->stored_usec = clock_mono_usec() - started_usec;
    if (r == 0)
        r = compare_reports(t->reporter, t->from_usec, t->to_usec, &t->tally, &t->compared,
                            &t->verdict, err);
    return r;
}

static int run(struct trial *t, struct strbuf *err)
{
    uint64_t started;
    int r = prepare(t, err);

    started = clock_mono_usec();
    for (size_t i = 0; r == 0 && i < t->phase_count; i++)
        r = phase_run(t, &t->phases[i], err);
    return r == 0 ? verify(t, started, err) : r;
}

int trial_run(struct trial *t)
{
    _cleanup_strbuf_ struct strbuf err;
    int failed;

    strbuf_init(&err, 4096);
    strbuf_init(&t->verdict, 16384);
    progress_start(&t->progress);
    if (run(t, &err) < 0)
        strbuf_setf(&t->verdict, "%s", err.ptr);
    progress_clear(&t->progress);
    result_print(t);
    failed = t->verdict.len > 0;
    strbuf_release(&t->verdict);
    t->generator = generator_free(t->generator);
    return failed;
}

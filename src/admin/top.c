/* sluice top: the pipeline as it is now, again and again, on a terminal; or once, for scripts. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/top/live.h"
#include "admin/top/print.h"
#include "admin/top/terminal.h"
#include "base/clock.h"
#include "base/number.h"
#include "service/settings.h"

#define INTERVAL_DEFAULT_USEC (2 * USEC_PER_SEC)
#define INTERVAL_MIN_USEC (100 * USEC_PER_MSEC)
#define INTERVAL_MAX_USEC (3600 * USEC_PER_SEC)
#define OUTPUT_MAX_BYTES ((size_t)4 << 20)

enum { FLAG_DATA, FLAG_TARGET, FLAG_INTERVAL, FLAG_ONCE, FLAG_JSON, FLAG_END };
enum { EXIT_FINE = 0, EXIT_NOT_FINE = 1, EXIT_WRONG = 2, EXIT_NOTHING_RUNS = 3 };

struct top {
    struct settings settings;
    struct sample_options options;
    const char *about;
    uint64_t interval_usec;
    bool once, json;
};

static int take_interval(const struct settings_flag *flag, uint64_t *ret_usec, struct strbuf *err)
{
    if (!flag->value || (parse_duration(span_str(flag->value), ret_usec) == 0 &&
                         *ret_usec >= INTERVAL_MIN_USEC && *ret_usec <= INTERVAL_MAX_USEC))
        return 0;
    strbuf_setf(err, "--interval=%s: takes a time from 100ms to 1h, such as 2s", flag->value);
    return -EINVAL;
}

static int load(struct top *t, int argc, char **argv, struct strbuf *err)
{
    struct settings_flag flags[] = {
        [FLAG_DATA] = { "--data", "DIR", "the stack's data directory (default var)", NULL },
        [FLAG_TARGET] = { "--target", "NAME=URL,...",
                          "look at these roles instead, such as gateway=http://host:3000", NULL },
        [FLAG_INTERVAL] = { "--interval", "TIME", "between two looks (default 2s)", NULL },
        [FLAG_ONCE] = { "--once", NULL, "print it once as text; so it does without a terminal",
                        NULL },
        [FLAG_JSON] = { "--json", NULL, "print it once as JSON", NULL },
        [FLAG_END] = { NULL, NULL, NULL, NULL },
    };
    const struct settings_command command = {
        .usage = "sluice top [flags]",
        .about = "Shows the pipeline as it is now: events a second, lag, freshness, each process "
                 "with its CPU time and memory, the last errors. On a terminal ? explains keys "
                 "and columns. Once, it exits with 1 when a process is not ready, with 3 when "
                 "nothing runs.",
        .flags = flags,
    };
    int r = settings_load(&t->settings, ROLE_ADMIN, &argc, argv, &command, err);

    if (r != 0)
        return r;
    t->options.data = flags[FLAG_DATA].value ? flags[FLAG_DATA].value : "var";
    t->options.targets = flags[FLAG_TARGET].value;
    t->about = t->options.targets ? "roles of --target" : t->options.data;
    t->json = flags[FLAG_JSON].value != NULL;
    t->once = t->json || flags[FLAG_ONCE].value != NULL;
    r = take_interval(&flags[FLAG_INTERVAL], &t->interval_usec, err);
    if (r == 0 && t->options.targets)
        r = sample_check_targets(t->options.targets, err);
    return r;
}

static void pause_usec(uint64_t usec)
{
    uint64_t end = clock_mono_usec() + usec, now;

    while ((now = clock_mono_usec()) < end)
        (void)poll(NULL, 0, (int)((end - now) / USEC_PER_MSEC + 1));
}

static int print(const struct top *t, const struct sample *before, const struct sample *now,
                 struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf out;
    struct model m;
    int r;

    strbuf_init(&out, OUTPUT_MAX_BYTES);
    model_make(&m, before, now);
    r = t->json ? top_print_json(&m, &out) : top_print_text(&m, t->about, t->interval_usec, &out);
    if (r < 0) {
        strbuf_setf(err, "%s", strerror(-r));
        return r;
    }
    fputs(out.ptr, stdout);
    return !now->running ? EXIT_NOTHING_RUNS : m.not_fine ? EXIT_NOT_FINE : EXIT_FINE;
}

/* Rates need two looks. On a terminal that cannot move its cursor, one page after the other. */
static int print_pages(const struct top *t, struct strbuf *err)
{
    _cleanup_free_ struct sample *looks = calloc(2, sizeof(*looks));
    bool again = !t->once && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
    int r;

    if (!looks) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    sample_take(&t->options, NULL, &looks[0]);
    if (!looks[0].running && !again)
        return print(t, NULL, &looks[0], err);
    do {
        pause_usec(t->interval_usec);
        sample_take(&t->options, &looks[0], &looks[1]);
        r = print(t, &looks[0], &looks[1], err);
        looks[0] = looks[1];
    } while (r >= 0 && again && putchar('\n') != EOF && fflush(stdout) == 0);
    return r;
}

int admin_top(int argc, char **argv)
{
    struct top t = { .interval_usec = INTERVAL_DEFAULT_USEC };
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, 4096);
    r = load(&t, argc, argv, &err);
    if (r != 0) {
        if (r < 0)
            fprintf(stderr, "sluice top: %s\n", err.ptr);
        settings_release(&t.settings);
        return r < 0 ? EXIT_WRONG : EXIT_FINE;
    }
    if (!t.once && terminal_is_able(STDIN_FILENO, STDOUT_FILENO))
        r = live_run(&t.options, t.about, t.interval_usec, &err);
    else
        r = print_pages(&t, &err);
    if (r < 0)
        fprintf(stderr, "sluice top: %s\n", err.ptr);
    settings_release(&t.settings);
    return r < 0 ? EXIT_NOT_FINE : r;
}

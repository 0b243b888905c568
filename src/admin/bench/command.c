/* The command sluice bench: its flags, and what is told of the figures. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/bench/bench.h"
#include "admin/bench/reports.h"
#include "base/number.h"
#include "service/settings.h"

#define SECONDS 15
#define REPORTS_SECONDS 5
#define SECONDS_MAX 600
#define PORT_BASE 23000

enum flag {
    FLAG_ONLY,
    FLAG_SECONDS,
    FLAG_FULL,
    FLAG_ROWS,
    FLAG_USERS,
    FLAG_CAMPAIGNS,
    FLAG_KEEP,
    FLAG_JSON,
    FLAG_BASELINE,
    FLAG_PORT,
    FLAG_END
};

/* A number; `value` stays as it is when there is no text. */
static int take_number(const char *name, struct span text, uint64_t least, uint64_t most,
                       uint64_t *value, struct strbuf *err)
{
    uint64_t v;

    if (!text.ptr)
        return 0;
    if (parse_u64(text, &v) < 0 || v < least || v > most) {
        strbuf_setf(err, "%s %.*s: expected a number from %llu to %llu", name, SPAN_ARG(text),
                    (unsigned long long)least, (unsigned long long)most);
        return -EINVAL;
    }
    *value = v;
    return 0;
}

static int number_flag(const struct settings_flag *flag, uint64_t least, uint64_t most,
                       uint64_t *value, struct strbuf *err)
{
    return take_number(flag->name, span_str(flag->value), least, most, value, err);
}

/* One number of rows, or two that are compared. */
static int rows_flag(const struct settings_flag *flag, struct reports_options *options,
                     struct strbuf *err)
{
    struct span rest = span_str(flag->value), item;
    int r = 0;

    if (!flag->value)
        return 0;
    options->sizes = 0;
    while (r == 0 && span_split(&rest, ',', &item)) {
        if (options->sizes == REPORTS_SIZES_MAX) {
            strbuf_setf(err, "--rows %s: takes one number or two", flag->value);
            return -EINVAL;
        }
        r = take_number(flag->name, span_trim(item), REPORTS_ROWS_LEAST, REPORTS_ROWS_MOST,
                        &options->rows[options->sizes++], err);
    }
    if (r == 0 && options->sizes == 2 && options->rows[0] >= options->rows[1]) {
        strbuf_setf(err, "--rows %s: the smaller number comes first", flag->value);
        r = -EINVAL;
    }
    return r;
}

static int read_reports_flags(struct reports_options *options, const struct settings_flag *flags,
                              struct strbuf *err)
{
    int r = rows_flag(&flags[FLAG_ROWS], options, err);

    if (r == 0)
        r = number_flag(&flags[FLAG_USERS], REPORTS_USERS_LEAST, REPORTS_USERS_MOST,
                        &options->users, err);
    if (r == 0)
        r = number_flag(&flags[FLAG_CAMPAIGNS], 1, REPORTS_CAMPAIGNS_MOST, &options->campaigns,
                        err);
    options->keep = flags[FLAG_KEEP].value;
    return r;
}

/* What the flag would do is not part of what was asked for. */
static int check_use(const struct settings_flag *flags, bool reports, struct strbuf *err)
{
    static const bool of_reports[FLAG_END] = {
        [FLAG_ROWS] = true, [FLAG_USERS] = true, [FLAG_CAMPAIGNS] = true, [FLAG_KEEP] = true
    };
    static const bool of_parts[FLAG_END] = { [FLAG_ONLY] = true, [FLAG_FULL] = true };

    for (int i = 0; i < FLAG_END; i++) {
        if (!flags[i].value || !(reports ? of_parts[i] : of_reports[i]))
            continue;
        strbuf_setf(err, "%s goes with sluice bench %s", flags[i].name,
                    reports ? "without the word reports" : "reports");
        return -EINVAL;
    }
    return 0;
}

static int read_flags(struct bench *b, const struct settings_flag *flags, struct strbuf *err)
{
    uint64_t port = PORT_BASE;
    int r = check_use(flags, b->reports != NULL, err);

    if (r == 0)
        r = bench_check_parts(flags[FLAG_ONLY].value, err);
    b->seconds = b->reports ? REPORTS_SECONDS : SECONDS;
    if (r == 0)
        r = number_flag(&flags[FLAG_SECONDS], 1, SECONDS_MAX, &b->seconds, err);
    if (r == 0)
        r = number_flag(&flags[FLAG_FULL], 0, UINT64_C(1000000000), &b->full_rows, err);
    if (r == 0)
        r = number_flag(&flags[FLAG_PORT], 1024, 65000, &port, err);
    if (r == 0 && b->reports)
        r = read_reports_flags(b->reports, flags, err);
    b->port_base = (uint32_t)port;
    return r;
}

static int bench(struct bench *b, const struct settings_flag *flags, struct strbuf *err)
{
    const char *json = flags[FLAG_JSON].value;
    struct figures before = { 0 };
    const struct figures *baseline = flags[FLAG_BASELINE].value ? &before : NULL;
    FILE *out = json && strcmp(json, "-") == 0 ? stderr : stdout;
    bool met;
    int r = read_flags(b, flags, err);

    if (r == 0 && baseline)
        r = figures_load(&before, flags[FLAG_BASELINE].value, err);
    if (r == 0)
        r = bench_open(b, err);
    if (r == 0)
        r = b->reports ? bench_reports(b, err) : bench_run_parts(b, flags[FLAG_ONLY].value, err);
    bench_close(b);
    if (r < 0)
        return r;
    met = b->reports ? reports_print(b->reports, &b->figures, baseline, out)
                     : figures_print(&b->figures, baseline, out);
    if (json)
        r = figures_save(&b->figures, json, err);
    return r < 0 ? r : met ? 0 : 1;
}

/* 0: go on; 1: --help was asked for. */
static int load(struct settings_flag *flags, int *argc, char **argv, struct strbuf *err)
{
    const struct settings_command command = {
        .usage = "sluice bench [reports] [flags]",
        .about = "Measures this machine's floors, the intake and the whole pipeline, side by side. "
                 "sluice bench reports measures the reports instead, on a stack of its own that it "
                 "fills: ten million events take some minutes and about 15 GB in TMPDIR. Exits 1 "
                 "when a goal is missed.",
        .flags = flags,
        .takes_arguments = true,
    };
    struct settings settings;
    int r = settings_load(&settings, ROLE_ADMIN, argc, argv, &command, err);

    settings_release(&settings);
    if (r == 0 && (*argc > 2 || (*argc == 2 && strcmp(argv[1], "reports") != 0))) {
        strbuf_setf(err, "takes nothing or the word reports; --help explains it");
        r = -EINVAL;
    }
    return r;
}

int admin_bench(int argc, char **argv)
{
    struct settings_flag flags[] = {
        [FLAG_ONLY] = { "--only", "PART[,PART]", "http, json, jetstream, copy, intake, e2e", NULL },
        [FLAG_SECONDS] = { "--seconds", "N",
                           "length of each measurement (15, end to end at least 30; reports 5)",
                           NULL },
        [FLAG_FULL] = { "--full", "ROWS", "measure end to end again with so many rows stored",
                        NULL },
        [FLAG_ROWS] = { "--rows", "N[,N]",
                        "of reports: on so many events; two are compared (1000000,10000000)",
                        NULL },
        [FLAG_USERS] = { "--users", "N", "of reports: of so many users (1000000)", NULL },
        [FLAG_CAMPAIGNS] = { "--campaigns", "N", "of reports: of so many campaigns (1000)", NULL },
        [FLAG_KEEP] = { "--keep", "DIR",
                        "of reports: keep what was filled in there, and use what is", NULL },
        [FLAG_JSON] = { "--json", "FILE", "also write the figures as JSON; - for standard output",
                        NULL },
        [FLAG_BASELINE] = { "--baseline", "FILE", "compare with an earlier run's JSON", NULL },
        [FLAG_PORT] = { "--port-base", "N", "first port of the stacks it starts (23000)", NULL },
        [FLAG_END] = { NULL, NULL, NULL, NULL },
    };
    struct reports_options reports = REPORTS_OPTIONS_INIT;
    struct bench b = { 0 };
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, 16384);
    r = load(flags, &argc, argv, &err);
    if (r > 0)
        return 0;
    (void)signal(SIGPIPE, SIG_IGN);
    if (r == 0 && argc == 2)
        b.reports = &reports;
    if (r == 0)
        r = bench(&b, flags, &err);
    if (r < 0)
        fprintf(stderr, "sluice bench: %s\n", err.ptr);
    return r < 0 ? 2 : r;
}

/* Fills a stack's database: users, then day by day the events with what is derived of them, then a
 * vacuum, as autovacuum does in time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin/bench/child.h"
#include "admin/bench/files.h"
#include "admin/bench/reports.h"
#include "base/clock.h"

#define USERS_A_STEP 50000
#define VARIABLES_MAX 8
#define VARIABLE_MAX 64
#define VALUE_MAX 48
/* How the steps share the progress bar, about as they share the time. */
#define USERS_SHARE 0.15
#define VACUUM_AT 0.95

/* Variables of a script, "name=value" each. */
struct variables {
    char text[VARIABLES_MAX][VARIABLE_MAX];
    size_t count;
};

static void set(struct variables *v, const char *name, const char *value)
{
    (void)snprintf(v->text[v->count++], VARIABLE_MAX, "%s=%s", name, value);
}

static void set_number(struct variables *v, const char *name, uint64_t value)
{
    (void)snprintf(v->text[v->count++], VARIABLE_MAX, "%s=%llu", name, (unsigned long long)value);
}

/* Runs one of bench/files/ in psql. */
static int run_script(struct bench *b, const struct stack *stack, const char *name,
                      const struct variables *v, struct strbuf *err)
{
    char path[BENCH_TEXT_MAX + 32];
    const char *argv[16 + 2 * VARIABLES_MAX] = { b->self, "psql", "--data", stack->data,
                                                 "-X",    "-q",   "-v",     "ON_ERROR_STOP=1",
                                                 "-f",    path };
    size_t n = 10;
    int r;

    (void)snprintf(path, sizeof(path), "%s/%s", b->dir, name);
    r = file_write(path, file_embedded(name));
    if (r < 0) {
        strbuf_setf(err, "%s: %s", path, strerror(-r));
        return r;
    }
    for (size_t i = 0; i < v->count; i++) {
        argv[n++] = "-v";
        argv[n++] = v->text[i];
    }
    return child_run(argv, NULL, err) == 0 ? 0 : -EIO;
}

static void time_text(int64_t usec, char text[VALUE_MAX])
{
    char buf[TIMESTAMP_TEXT_MAX];

    (void)snprintf(text, VALUE_MAX, "%.*s", SPAN_ARG(timestamp_format(usec, buf)));
}

static int fill_users(struct bench *b, const struct stack *stack, const struct dataset *d,
                      struct strbuf *err)
{
    char from[VALUE_MAX], to[VALUE_MAX];
    int r = 0;

    time_text(d->from_usec, from);
    time_text(d->from_usec + REPORTS_DAYS * USEC_PER_DAY - 1, to);
    for (uint64_t first = 0; r == 0 && first < d->users; first += USERS_A_STEP) {
        struct variables v = { 0 };

        bench_progress(b, USERS_SHARE * (double)first / (double)d->users, "users, %llu of %llu",
                       (unsigned long long)first * 2, (unsigned long long)d->users * 2);
        set_number(&v, "first", first);
        set_number(&v, "last", MIN(first + USERS_A_STEP, d->users) - 1);
        set(&v, "from", from);
        set(&v, "to", to);
        r = run_script(b, stack, "reports-users.sql", &v, err);
    }
    return r;
}

static int fill_day(struct bench *b, const struct stack *stack, const struct dataset *d,
                    uint64_t day, struct strbuf *err)
{
    uint64_t first = d->rows * day / REPORTS_DAYS, next = d->rows * (day + 1) / REPORTS_DAYS;
    char text[VALUE_MAX];
    struct variables v = { 0 };

    bench_progress(b, USERS_SHARE + (VACUUM_AT - USERS_SHARE) * (double)day / REPORTS_DAYS,
                   "events, %llu of %llu", (unsigned long long)first, (unsigned long long)d->rows);
    time_text(d->from_usec + (int64_t)day * USEC_PER_DAY, text);
    text[strlen("2026-01-31")] = '\0';
    set(&v, "day", text);
    (void)snprintf(text, sizeof(text), "0.%02u", (unsigned)day);
    set(&v, "seed", text);
    set_number(&v, "first", first + 1);
    set_number(&v, "last", next);
    set_number(&v, "users", d->users);
    set_number(&v, "campaigns", d->campaigns);
    return run_script(b, stack, "reports-day.sql", &v, err);
}

int reports_fill(struct bench *b, const struct stack *stack, const struct dataset *d,
                 struct strbuf *err)
{
    const char *vacuum[] = { b->self, "psql", "--data",           stack->data,
                             "-q",    "-c",   "VACUUM (ANALYZE)", NULL };
    int r = fill_users(b, stack, d, err);

    for (uint64_t day = 0; r == 0 && day < REPORTS_DAYS; day++)
        r = fill_day(b, stack, d, day, err);
    if (r < 0)
        return r;
    bench_progress(b, VACUUM_AT, "vacuum");
    return child_run(vacuum, NULL, err) == 0 ? 0 : -EIO;
}

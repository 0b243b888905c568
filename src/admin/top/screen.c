/* From top to bottom: a line of what is looked at, the flow of events by source, the processes,
 * what was complained of last. A column is left out where the page is too narrow for it; where it
 * is too low, processes that are not ready stay longest. */
#include "admin/top/screen.h"

#include <stdio.h>

#include "admin/top/format.h"
#include "admin/top/screen_page.h"
#include "base/clock.h"

#define ROOMY_HEIGHT 26 /* from here on sections have a blank line between */
#define CLOCK_WIDTH 50  /* from here on the first line has room for the time */
#define WHEN_WIDTH 9

static void text_at(struct page *p, enum style style, const char *text)
{
    (void)canvas_put(p->c, p->row++, 0, style, text);
}

static void blank(struct page *p)
{
    if (p->c->height >= ROOMY_HEIGHT)
        p->row++;
}

static void head(struct page *p)
{
    char left[CANVAS_WIDTH_MAX], right[64], when[TIMESTAMP_TEXT_MAX];
    struct span time = timestamp_format(p->m->wall_usec, when);

    (void)snprintf(left, sizeof(left), "sluice top  %s", p->options->about);
    (void)snprintf(right, sizeof(right), "  %severy %s  %.8s UTC",
                   p->options->paused ? "PAUSED, " : "",
                   format_seconds((double)p->options->interval_usec / USEC_PER_SEC).s,
                   time.len > 19 ? time.ptr + 11 : "");
    (void)canvas_put(p->c, p->row, 0, STYLE_TITLE, left);
    if (p->c->width >= CLOCK_WIDTH)
        canvas_put_right(p->c, p->row, p->c->width, p->c->width,
                         p->options->paused ? STYLE_WARN : STYLE_PLAIN, right);
    p->row++;
}

/* ---- complaints ---- */

/* The hour of today, the day of older ones. */
static void put_when(char *to, size_t size, int64_t now_usec, int64_t usec)
{
    char when[TIMESTAMP_TEXT_MAX];
    struct span time = timestamp_format(usec, when);

    if (time.len < 19)
        (void)snprintf(to, size, "?");
    else if (now_usec - usec < USEC_PER_DAY)
        (void)snprintf(to, size, "%.8s", time.ptr + 11);
    else
        (void)snprintf(to, size, "%.5s", time.ptr + 5);
}

static void complaint(struct page *p, const struct complaint *what)
{
    char when[16], times[40];
    unsigned column;

    put_when(when, sizeof(when), p->m->wall_usec, what->wall_usec);
    (void)canvas_put(p->c, p->row, 0, STYLE_PLAIN, when);
    column = canvas_put(p->c, p->row, WHEN_WIDTH, what->error ? STYLE_BAD : STYLE_WARN, what->name);
    column = MAX(column + 1, WHEN_WIDTH + PAGE_PROCESS_WIDTH);
    if (what->times > 1) {
        (void)snprintf(times, sizeof(times), "%llu times: ", (unsigned long long)what->times);
        column = canvas_put(p->c, p->row, column, STYLE_PLAIN, times);
    }
    (void)canvas_put(p->c, p->row++, column, STYLE_PLAIN, what->text);
}

static void complaints(struct page *p)
{
    const struct complaints *all = p->m->complaints;

    text_at(p, STYLE_TITLE, "LAST ERRORS AND WARNINGS");
    if (all->why[0])
        text_at(p, STYLE_PLAIN, all->why);
    else if (all->count == 0)
        text_at(p, STYLE_PLAIN, "none");
    for (size_t i = 0; i < MIN(all->count, (size_t)p->options->complaints_max); i++)
        if (p->row < p->c->height)
            complaint(p, &all->list[i]);
}

/* ---- */

static void help(struct page *p)
{
    static const char *const lines[] = {
        "q, Ctrl-C    leaves",
        "p            pauses, and goes on",
        "space        looks now",
        "?            this, and back",
        "",
        "IN           events that JetStream has taken",
        "STORED       new events that were committed to the database",
        "DUPL         events that were stored before",
        "FAILED       events rejected, or not confirmed by JetStream",
        "DEAD         events put into the dead letters; of a source, those",
        "             that its collector could not store",
        "LAG, BYTES   messages (estimated bytes) that wait in the stream",
        "BEHIND       age of the message committed last, while some wait",
        "P50, P99     time from receipt to commit: half, and 99 of 100,",
        "             took no longer",
        "STREAM       how full the stream is",
        "total        since the processes that run now were started",
        "?            after all and total: a process did not answer, and its",
        "             share is missing",
        "CPU          100 % is one processor",
    };

    blank(p);
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        text_at(p, STYLE_PLAIN, lines[i]);
}

static void nothing(struct page *p)
{
    blank(p);
    text_at(p, STYLE_BAD, p->m->why[0] ? p->m->why : "nothing runs here");
    text_at(p, STYLE_PLAIN, "sluice up starts a stack; --data DIR looks at another one");
}

unsigned screen_draw(struct canvas *c, const struct model *m, const struct screen_options *options)
{
    struct page p = { .c = c, .m = m, .options = options };

    canvas_clear(c);
    head(&p);
    if (options->help) {
        help(&p);
    } else if (!m->running) {
        nothing(&p);
    } else {
        blank(&p);
        page_flows(&p);
        blank(&p);
        page_processes(&p);
        blank(&p);
        complaints(&p);
    }
    return MIN(p.row, c->height);
}

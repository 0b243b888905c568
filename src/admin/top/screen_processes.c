#include <stdio.h>
#include <string.h>

#include "admin/top/format.h"
#include "admin/top/screen_page.h"

#define STATE_WIDTH 10
#define NUMBER_WIDTH 9
#define COMPLAINTS_ROOM 4
#define INDENT 2U
#define REASON_ROWS_MAX 3U

struct process_layout {
    bool port, pid;
};

static struct process_layout layout_for(const struct page *p)
{
    return (struct process_layout){ .port = p->c->width >= 70, .pid = p->c->width >= 80 };
}

static unsigned number_column(struct page *p, unsigned column, enum style style, const char *text)
{
    canvas_put_right(p->c, p->row, column + NUMBER_WIDTH, NUMBER_WIDTH - 1, style, text);
    return column + NUMBER_WIDTH;
}

static void process_titles(struct page *p)
{
    struct process_layout layout = layout_for(p);
    unsigned column = PAGE_PROCESS_WIDTH + STATE_WIDTH;

    (void)canvas_put(p->c, p->row, 0, STYLE_TITLE, "PROCESS");
    (void)canvas_put(p->c, p->row, PAGE_PROCESS_WIDTH, STYLE_TITLE, "STATE");
    if (layout.port)
        column = number_column(p, column, STYLE_TITLE, "PORT");
    if (layout.pid)
        column = number_column(p, column, STYLE_TITLE, "PID");
    column = number_column(p, column, STYLE_TITLE, "CPU");
    (void)number_column(p, column, STYLE_TITLE, "MEMORY");
    p->row++;
}

static unsigned integer_column(struct page *p, unsigned column, int64_t value)
{
    char text[24] = "-";

    if (value > 0)
        (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    return number_column(p, column, STYLE_PLAIN, text);
}

static unsigned reason_width(const struct page *p)
{
    return p->c->width > INDENT ? p->c->width - INDENT : 1;
}

static unsigned reason_rows(const struct page *p, const struct model_process *row)
{
    unsigned width = reason_width(p), len = (unsigned)strlen(row->process->reason);

    return MIN((len + width - 1) / width, REASON_ROWS_MAX);
}

/* Below its process, over the whole width. */
static void reason(struct page *p, const struct model_process *row)
{
    unsigned width = reason_width(p);
    const char *text = row->process->reason;

    for (unsigned left = reason_rows(p, row); left > 0; left--, text += width)
        (void)canvas_put(p->c, p->row++, INDENT, row->fine ? STYLE_WARN : STYLE_BAD, text);
}

static void process(struct page *p, const struct model_process *row)
{
    struct process_layout layout = layout_for(p);
    unsigned column = PAGE_PROCESS_WIDTH + STATE_WIDTH;
    char work[64];

    (void)canvas_put(p->c, p->row, 0, STYLE_PLAIN, row->process->name);
    (void)canvas_put(p->c, p->row, PAGE_PROCESS_WIDTH, row->fine ? STYLE_GOOD : STYLE_BAD,
                     row->process->state);
    if (layout.port)
        column = integer_column(p, column, row->process->port);
    if (layout.pid)
        column = integer_column(p, column, row->process->pid);
    column = number_column(p, column, STYLE_PLAIN, format_percent(row->cpu).s);
    column = number_column(p, column, STYLE_PLAIN, format_bytes(row->memory_bytes).s);
    if (row->does) {
        (void)snprintf(work, sizeof(work), "%s%s", format_number(row->rate).s, row->does);
        (void)canvas_put(p->c, p->row, column + 2, STYLE_PLAIN, work);
    }
    p->row++;
    reason(p, row);
}

static unsigned height_of(const struct page *p, const struct model_process *row)
{
    return 1 + reason_rows(p, row);
}

/* Those of one kind that still fit above `end`; returns how many did not. */
static size_t processes_of(struct page *p, bool fine, bool all, unsigned end)
{
    size_t left = 0;

    for (size_t i = 0; i < p->m->process_count; i++) {
        const struct model_process *row = &p->m->processes[i];

        if (!all && row->fine != fine)
            continue;
        if (left > 0 || p->row + height_of(p, row) > end)
            left++;
        else
            process(p, row);
    }
    return left;
}

void page_processes(struct page *p)
{
    unsigned room = p->c->height > COMPLAINTS_ROOM + p->row ? COMPLAINTS_ROOM : 0;
    unsigned end = p->c->height - room, wanted = p->row + 1;
    size_t left;
    char text[64];

    for (size_t i = 0; i < p->m->process_count; i++)
        wanted += height_of(p, &p->m->processes[i]);
    process_titles(p);
    if (wanted <= end) {
        (void)processes_of(p, true, /* all= */ true, end);
        return;
    }
    end -= end > p->row; /* for the line below */
    left = processes_of(p, false, /* all= */ false, end);
    left +=
        left ? p->m->process_count - p->m->not_fine : processes_of(p, true, /* all= */ false, end);
    (void)snprintf(text, sizeof(text), "  and %zu more: a taller window has them", left);
    (void)canvas_put(p->c, p->row++, 0, STYLE_WARN, text);
}

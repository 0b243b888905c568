#include "admin/top/format.h"
#include "admin/top/screen_page.h"

#define NAME_WIDTH 9
#define STALE_SECONDS 30.0
#define SLOW_SECONDS 5.0
#define FULL_SHARE 0.95
#define FILLING_SHARE 0.80

enum flow_column {
    FLOW_IN,
    FLOW_STORED,
    FLOW_DUPLICATES,
    FLOW_FAILED,
    FLOW_DEAD,
    FLOW_LAG,
    FLOW_LAG_BYTES,
    FLOW_BEHIND,
    FLOW_P50,
    FLOW_P99,
    FLOW_STREAM,
    FLOW_COLUMNS
};

static const struct {
    const char *title;
    unsigned width;
    unsigned page_width; /* shown from this width of the page on */
} flow_columns[FLOW_COLUMNS] = {
    [FLOW_IN] = { "IN", 9, 0 },
    [FLOW_STORED] = { "STORED", 9, 0 },
    [FLOW_DUPLICATES] = { "DUPL", 8, 76 },
    [FLOW_FAILED] = { "FAILED", 8, 0 },
    [FLOW_DEAD] = { "DEAD", 7, 0 },
    [FLOW_LAG] = { "LAG", 8, 0 },
    [FLOW_LAG_BYTES] = { "BYTES", 10, 104 },
    [FLOW_BEHIND] = { "BEHIND", 8, 68 },
    [FLOW_P50] = { "P50", 9, 94 },
    [FLOW_P99] = { "P99", 9, 0 },
    [FLOW_STREAM] = { "STREAM", 8, 85 },
};

struct flow_row {
    const char *name;
    enum style style; /* of the name */
    struct cell {
        struct format text;
        enum style style;
    } cells[FLOW_COLUMNS];
};

static void draw_flow_row(struct page *p, const struct flow_row *row)
{
    unsigned end = NAME_WIDTH;

    (void)canvas_put(p->c, p->row, 0, row->style, row->name);
    for (int i = 0; i < FLOW_COLUMNS; i++) {
        if (p->c->width < flow_columns[i].page_width)
            continue;
        end += flow_columns[i].width;
        canvas_put_right(p->c, p->row, end, flow_columns[i].width - 1, row->cells[i].style,
                         row->cells[i].text.s);
    }
    p->row++;
}

static enum style at_least(double value, double warn, double bad)
{
    return value >= bad ? STYLE_BAD : value >= warn ? STYLE_WARN : STYLE_PLAIN;
}

static enum style if_any(double rate, enum style style)
{
    return rate > 0 ? style : STYLE_PLAIN;
}

static void flow(struct page *p, const char *name, enum style style, const struct model_flow *f,
                 double dead)
{
    const struct flow_row row = {
        .name = name,
        .style = style,
        .cells = {
            [FLOW_IN] = { format_number(f->in), STYLE_PLAIN },
            [FLOW_STORED] = { format_number(f->stored), STYLE_PLAIN },
            [FLOW_DUPLICATES] = { format_number(f->duplicates), STYLE_PLAIN },
            [FLOW_FAILED] = { format_number(f->failed), if_any(f->failed, STYLE_WARN) },
            [FLOW_DEAD] = { format_number(dead), if_any(dead, STYLE_BAD) },
            [FLOW_LAG] = { format_number(f->lag_messages), STYLE_PLAIN },
            [FLOW_LAG_BYTES] = { format_bytes(f->lag_bytes), STYLE_PLAIN },
            [FLOW_BEHIND] = { format_seconds(f->lag_seconds),
                              at_least(f->lag_seconds, SLOW_SECONDS, STALE_SECONDS) },
            [FLOW_P50] = { format_seconds(f->p50_seconds),
                           at_least(f->p50_seconds, SLOW_SECONDS, STALE_SECONDS) },
            [FLOW_P99] = { format_seconds(f->p99_seconds),
                           at_least(f->p99_seconds, SLOW_SECONDS, STALE_SECONDS) },
            [FLOW_STREAM] = { format_percent(f->stream_share),
                              at_least(f->stream_share, FILLING_SHARE, FULL_SHARE) },
        },
    };

    draw_flow_row(p, &row);
}

static void flow_totals(struct page *p, const struct model_totals *t)
{
    const struct flow_row row = {
        .name = p->m->partial ? "total ?" : "total",
        .style = p->m->partial ? STYLE_WARN : STYLE_PLAIN,
        .cells = {
            [FLOW_IN] = { format_number(t->in), STYLE_PLAIN },
            [FLOW_STORED] = { format_number(t->stored), STYLE_PLAIN },
            [FLOW_DUPLICATES] = { format_number(t->duplicates), STYLE_PLAIN },
            [FLOW_FAILED] = { format_number(t->failed), STYLE_PLAIN },
            [FLOW_DEAD] = { format_number(t->dead_letters), STYLE_PLAIN },
        },
    };

    draw_flow_row(p, &row);
}

void page_flows(struct page *p)
{
    unsigned end = NAME_WIDTH;

    (void)canvas_put(p->c, p->row, 0, STYLE_TITLE, "EVENTS/S");
    for (int i = 0; i < FLOW_COLUMNS; i++) {
        if (p->c->width < flow_columns[i].page_width)
            continue;
        end += flow_columns[i].width;
        canvas_put_right(p->c, p->row, end, flow_columns[i].width, STYLE_TITLE,
                         flow_columns[i].title);
    }
    p->row++;
    flow(p, p->m->partial ? "all ?" : "all", p->m->partial ? STYLE_WARN : STYLE_PLAIN, &p->m->all,
         p->m->dead_letters);
    for (int source = 0; source < SOURCE_COUNT; source++)
        flow(p, event_source_names[source], STYLE_PLAIN, &p->m->source[source],
             p->m->source[source].dead);
    flow_totals(p, &p->m->totals);
}

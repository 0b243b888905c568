#include "collector/sample_lines.h"

#include <errno.h>
#include <math.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "ingest/room.h"

#define LINE_BYTES_MAX 4096
#define LINE_DEPTH_MAX 4

struct writing {
    struct strbuf *out;
    const struct service *s;
    struct span minute;
};

static void write_line(void *ctx, const char *series, double value)
{
    struct writing *w = ctx;
    struct json_out j;

    json_out_init(&j, w->out);
    json_object(&j);
    json_key(&j, "service");
    json_str(&j, w->s->name);
    json_key(&j, "instance");
    json_str(&j, w->s->instance);
    json_key(&j, "metric");
    json_str(&j, series);
    json_key(&j, "minute");
    json_string(&j, w->minute);
    json_key(&j, "value");
    json_double(&j, value);
    json_object_end(&j);
    (void)strbuf_addc(w->out, '\n');
}

void sample_lines_write(struct strbuf *out, const struct service *s, int64_t minute_usec)
{
    char minute[TIMESTAMP_TEXT_MAX];
    struct writing w = { .out = out, .s = s, .minute = timestamp_format(minute_usec, minute) };

    metrics_each(s->metrics, write_line, &w);
}

int sample_rows_init(struct sample_rows *r)
{
    *r = (struct sample_rows){ 0 };
    strbuf_init(&r->line, LINE_BYTES_MAX + JSON_PADDING);
    strbuf_init(&r->texts, SAMPLE_LINES_BYTES_MAX);
    r->parser = json_parser_new(LINE_BYTES_MAX, LINE_DEPTH_MAX);
    return r->parser ? 0 : -ENOMEM;
}

void sample_rows_release(struct sample_rows *r)
{
    strbuf_release(&r->line);
    strbuf_release(&r->texts);
    free(r->rows);
    r->parser = json_parser_free(r->parser);
}

/* What a line says; false when it is no sample. */
static bool read_members(struct json_value root, struct service_metric_row *row)
{
    struct json_iter it;
    struct json_value value;
    struct span key;
    bool has_minute = false, has_value = false;

    if (json_kind_of(root) != JSON_OBJECT)
        return false;
    it = json_iterate(root);
    while (json_next(&it, &key, &value)) {
        enum json_kind kind = json_kind_of(value);
        bool text = kind == JSON_STRING;

        if (text && span_eq(key, SPAN("service")))
            row->service = json_string_of(value);
        else if (text && span_eq(key, SPAN("instance")))
            row->instance = json_string_of(value);
        else if (text && span_eq(key, SPAN("metric")))
            row->metric = json_string_of(value);
        else if (text && span_eq(key, SPAN("minute")))
            has_minute = timestamp_parse(json_string_of(value), &row->minute_usec) == 0;
        else if (span_eq(key, SPAN("value")) &&
                 (kind == JSON_INT || kind == JSON_UINT || kind == JSON_DOUBLE)) {
            row->value = json_double_of(value);
            has_value = isfinite(row->value);
        }
    }
    return has_minute && has_value && row->service.ptr && row->instance.ptr && row->metric.ptr;
}

static bool read_line(struct sample_rows *r, struct span line, struct service_metric_row *row)
{
    static const char padding[JSON_PADDING];
    struct json_value root;
    const char *error;

    strbuf_reset(&r->line);
    (void)strbuf_addspan(&r->line, line);
    (void)strbuf_add(&r->line, padding, sizeof(padding));
    if (strbuf_error(&r->line) ||
        json_parse(r->parser, span_of(r->line.ptr, line.len), &root, &error) < 0)
        return false;
    *row = (struct service_metric_row){ 0 };
    return read_members(root, row);
}

/* The copy is made where `texts` has room already, so that earlier copies do not move. */
static struct span keep(struct strbuf *texts, struct span s)
{
    size_t at = texts->len;

    (void)strbuf_addspan(texts, s);
    return span_of(texts->ptr + at, s.len);
}

static int add_row(struct sample_rows *r, struct service_metric_row row)
{
    if (ROOM_FOR_ONE(r->rows, r->room, r->count) < 0)
        return -ENOMEM;
    row.service = keep(&r->texts, row.service);
    row.instance = keep(&r->texts, row.instance);
    row.metric = keep(&r->texts, row.metric);
    r->rows[r->count++] = row;
    return strbuf_error(&r->texts);
}

int sample_rows_read(struct sample_rows *r, struct span lines)
{
    struct service_metric_row row;
    struct span line;

    r->count = 0;
    r->bad = 0;
    strbuf_reset(&r->texts);
    if (strbuf_reserve(&r->texts, MIN(lines.len, SAMPLE_LINES_BYTES_MAX)) < 0)
        return -ENOMEM;
    while (span_split(&lines, '\n', &line) && r->count < SAMPLE_ROWS_MAX) {
        if (line.len == 0)
            continue;
        if (!read_line(r, line, &row))
            r->bad++;
        else if (add_row(r, row) < 0)
            return -ENOMEM;
    }
    return 0;
}

/*
 * Rows need not be alike (a bucket names only the groups it has), so that they are walked twice:
 * for the columns, each the path of a value in its row, in the order of their first appearance; and
 * for the cells.
 */
#include "reporter/csv.h"

#include <errno.h>

#include "base/arena.h"
#include "reporter/json_text.h"

#define PATH_MAX_BYTES ((size_t)256 << 10)
#define CELL_MAX_BYTES ((size_t)1 << 20)
#define COLUMNS_MAX 1024
#define NAMES_BLOCK_BYTES ((size_t)4 << 10)
#define NAMES_MAX_BYTES ((size_t)1 << 20)

struct column {
    struct span path; /* in the table's names */
    struct span cell; /* of the row being written */
};

struct table {
    struct column columns[COLUMNS_MAX];
    size_t count;
    size_t next; /* where the column of the next value is likely to be */
    struct arena names;
    struct strbuf path, text;
    struct strbuf *out;
    int error; /* the first one */
};

static void fail(struct table *t, int error)
{
    t->error = t->error ? t->error : error;
}

/* What a value is done with: its path and its text, both as they stand in the JSON. */
typedef void (*leaf_fn)(struct table *t, struct span value);

static void each_leaf(struct table *t, struct span value, leaf_fn fn)
{
    struct span rest = json_text_inside(value), key, member;
    size_t len = t->path.len;

    if (!rest.ptr) {
        fn(t, value);
        return;
    }
    for (size_t i = 0; json_text_next(&rest, &key, &member); i++) {
        if (len)
            (void)strbuf_addc(&t->path, '.');
        if (key.ptr)
            json_text_unescape(key, &t->path);
        else
            (void)strbuf_addu64(&t->path, i);
        each_leaf(t, member, fn);
        strbuf_truncate(&t->path, len);
    }
}

static bool is_among(char c, const char *set)
{
    return c && strchr(set, c);
}

/* A tab or CR is dropped by spreadsheets that then read on. */
static bool is_formula(struct span text)
{
    return text.len && is_among(text.ptr[0], "=+-@\t\r");
}

static bool needs_quotes(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (is_among(text.ptr[i], ",\"\r\n"))
            return true;
    return text.len && (text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ');
}

static void write_text(struct table *t, struct span text)
{
    bool quotes = needs_quotes(text);

    if (quotes)
        (void)strbuf_addc(t->out, '"');
    if (is_formula(text))
        (void)strbuf_addc(t->out, '\'');
    for (struct span part; quotes && span_split(&text, '"', &part);) {
        (void)strbuf_addspan(t->out, part);
        if (text.ptr)
            (void)strbuf_adds(t->out, "\"\"");
    }
    if (quotes)
        (void)strbuf_addc(t->out, '"');
    else
        (void)strbuf_addspan(t->out, text);
}

/* value: JSON; one that is missing, and null, are an empty cell. */
static void write_cell(struct table *t, struct span value)
{
    if (!value.len || span_eq(value, SPAN("null")))
        return;
    if (value.ptr[0] != '"') {
        (void)strbuf_addspan(t->out, value);
        return;
    }
    strbuf_reset(&t->text);
    json_text_unescape(span_of(value.ptr + 1, value.len - 2), &t->text);
    write_text(t, strbuf_span(&t->text));
    fail(t, strbuf_error(&t->text));
}

static void write_line(struct table *t, struct span value)
{
    write_text(t, strbuf_span(&t->path));
    (void)strbuf_addc(t->out, ',');
    write_cell(t, value);
    (void)strbuf_adds(t->out, "\r\n");
}

/* Most rows have the same values in the same order. */
static struct column *find_column(struct table *t)
{
    struct span path = strbuf_span(&t->path);

    for (size_t i = 0; i < t->count; i++) {
        size_t at = (t->next + i) % t->count;

        if (span_eq(t->columns[at].path, path)) {
            t->next = at + 1;
            return &t->columns[at];
        }
    }
    return NULL;
}

static void note_column(struct table *t, struct span value UNUSED)
{
    struct span path;

    if (find_column(t))
        return;
    path = arena_span(&t->names, strbuf_span(&t->path));
    if (t->count == COLUMNS_MAX || !path.ptr)
        fail(t, -ENOBUFS);
    else
        t->columns[t->count++].path = path;
}

static void set_cell(struct table *t, struct span value)
{
    struct column *column = find_column(t);

    if (column)
        column->cell = value;
}

static void end_cell(struct table *t, size_t column)
{
    (void)strbuf_adds(t->out, column + 1 < t->count ? "," : "\r\n");
}

static void write_row(struct table *t, struct span row)
{
    for (size_t i = 0; i < t->count; i++)
        t->columns[i].cell = SPAN_NONE;
    t->next = 0;
    each_leaf(t, row, set_cell);
    for (size_t i = 0; i < t->count; i++) {
        write_cell(t, t->columns[i].cell);
        end_cell(t, i);
    }
}

static void write_rows(struct table *t, struct span list)
{
    struct span rest = json_text_inside(list), key, row;

    while (!t->error && json_text_next(&rest, &key, &row))
        each_leaf(t, row, note_column);
    for (size_t i = 0; i < t->count; i++) {
        write_text(t, t->columns[i].path);
        end_cell(t, i);
    }
    rest = json_text_inside(list);
    while (!t->error && !strbuf_error(t->out) && json_text_next(&rest, &key, &row))
        write_row(t, row);
}

/* In the order in which they are looked for. The columns are the header of one without rows: those
 * that it would have in any case. */
static const struct {
    const char *name, *columns;
} lists[] = {
    { "series", "start\r\n" },
    { "groups", "" },
    { "campaigns", "campaignId,revenue,orders,buyers,averageOrderValue,clicks\r\n" },
    { "events", "eventId,timestamp,funnelStage,eventType,campaignId\r\n" },
    { "requests", "receivedAt,accepted,rejected,stored,duplicates,conflicts,deadLettered,expired,"
                  "pending,status\r\n" },
    { "rejects", "seq,rejectedAt,receivedAt,source,reason,pointer,detail,correlationId,origin,"
                 "index,bytes\r\n" },
};

static void write_table(struct table *t, struct span data)
{
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        struct span list = json_text_member(data, lists[i].name);

        if (!list.len || list.ptr[0] != '[')
            continue;
        if (span_trim(json_text_inside(list)).len)
            write_rows(t, list);
        else
            (void)strbuf_adds(t->out, lists[i].columns);
        return;
    }
    (void)strbuf_adds(t->out, "name,value\r\n");
    each_leaf(t, data, write_line);
}

static void table_release(struct table *t)
{
    arena_release(&t->names);
    strbuf_release(&t->path);
    strbuf_release(&t->text);
    free(t);
}

int csv_write(struct span data, struct strbuf *out)
{
    struct table *t = calloc(1, sizeof(*t));
    int r;

    if (!t)
        return -ENOMEM;
    t->out = out;
    arena_init(&t->names, NAMES_BLOCK_BYTES, NAMES_MAX_BYTES);
    strbuf_init(&t->path, PATH_MAX_BYTES);
    strbuf_init(&t->text, CELL_MAX_BYTES);
    write_table(t, data);
    fail(t, strbuf_error(&t->path));
    fail(t, strbuf_error(out));
    r = t->error;
    table_release(t);
    return r;
}

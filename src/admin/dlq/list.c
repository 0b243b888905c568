/* sluice dlq ls: the newest letters as a table or as JSON, and how many there are of which kind. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/dlq/dlq.h"
#include "admin/dlq/print.h"
#include "base/clock.h"

#define NSEC_PER_MSEC INT64_C(1000000)
#define ROW_MAX_BYTES ((size_t)64 << 10)
#define TEXT_COLUMNS 40
#define DETAIL_COLUMNS 100

/* The last `room` letters of a scan. */
struct list {
    struct bus_delivery **ring;
    size_t room;
    uint64_t seen;
    struct letter_counts counts;
};

static int keep(void *ctx, struct letter *letter, struct strbuf *err)
{
    struct list *l = ctx;
    struct bus_delivery **slot = &l->ring[l->seen++ % l->room];

    (void)err;
    letter_count(&l->counts, letter);
    *slot = bus_delivery_free(*slot);
    *slot = letter->delivery;
    return DLQ_KEPT;
}

static size_t list_count(const struct list *l)
{
    return l->seen < l->room ? (size_t)l->seen : l->room;
}

static void list_letter(const struct list *l, size_t i, struct letter *ret)
{
    letter_of(l->ring[(l->seen - list_count(l) + i) % l->room], ret);
}

static void list_release(struct list *l)
{
    for (size_t i = 0; l->ring && i < list_count(l); i++)
        l->ring[i] = bus_delivery_free(l->ring[i]);
    free(l->ring);
}

/* ---- as a table ---- */

enum column { SEQ, TIME, SOURCE, REASON, POINTER, CORRELATION, BYTES, DETAIL, COLUMN_COUNT };

static const char *const titles[COLUMN_COUNT] = {
    [SEQ] = "SEQ",       [TIME] = "TIME",       [SOURCE] = "SOURCE",
    [REASON] = "REASON", [POINTER] = "POINTER", [CORRELATION] = "CORRELATION ID",
    [BYTES] = "BYTES",   [DETAIL] = "DETAIL",
};

static void write_cell(const struct letter *letter, enum column column, struct strbuf *out)
{
    char time[TIMESTAMP_TEXT_MAX];
    const char *const texts[COLUMN_COUNT] = {
        [SOURCE] = letter->source,   [REASON] = letter->reason,
        [POINTER] = letter->pointer, [CORRELATION] = letter->correlation_id,
        [DETAIL] = letter->detail,
    };

    strbuf_reset(out);
    if (column == SEQ)
        (void)strbuf_addu64(out, letter->seq);
    else if (column == BYTES)
        (void)strbuf_addu64(out, letter->bytes);
    else if (column == TIME)
        (void)strbuf_addspan(
            out, timestamp_format(letter->stored_nsec / NSEC_PER_MSEC * USEC_PER_MSEC, time));
    else if (texts[column][0])
        print_safe(out, span_str(texts[column]), column == DETAIL ? DETAIL_COLUMNS : TEXT_COLUMNS);
    else
        (void)strbuf_addc(out, '-');
}

/* Characters of a cell; it holds valid UTF-8 only. */
static int width_of(const struct strbuf *cell)
{
    int width = 0;

    for (size_t i = 0; i < cell->len; i++)
        width += ((unsigned char)cell->ptr[i] & 0xc0) != 0x80;
    return width;
}

static void print_cell(const struct strbuf *cell, int width, enum column column)
{
    int pad = column + 1 < COLUMN_COUNT ? width - width_of(cell) : 0;
    bool right = column == SEQ || column == BYTES;

    printf("%*s%s%*s%s", right ? pad : 0, "", cell->ptr, right ? 0 : pad, "",
           column + 1 < COLUMN_COUNT ? "  " : "\n");
}

static void print_table(const struct list *l, struct strbuf *cell)
{
    int widths[COLUMN_COUNT];
    struct letter letter;

    for (int c = 0; c < COLUMN_COUNT; c++) {
        widths[c] = (int)strlen(titles[c]);
        for (size_t i = 0; i < list_count(l); i++) {
            list_letter(l, i, &letter);
            write_cell(&letter, (enum column)c, cell);
            widths[c] = MAX(widths[c], width_of(cell));
        }
    }
    for (size_t i = 0; i <= list_count(l); i++)
        for (int c = 0; c < COLUMN_COUNT; c++) {
            if (i == 0) {
                strbuf_reset(cell);
                (void)strbuf_adds(cell, titles[c]);
            } else {
                list_letter(l, i - 1, &letter);
                write_cell(&letter, (enum column)c, cell);
            }
            print_cell(cell, widths[c], (enum column)c);
        }
}

static void print_text(struct dlq *q, struct list *l, struct strbuf *row)
{
    if (l->seen > 0)
        print_table(l, row);
    strbuf_reset(row);
    print_counts(row, &l->counts);
    printf("%s%" PRIu64 " dead letters of %s", l->seen ? "\n" : "", l->seen, q->options->stream);
    if (l->seen > l->room)
        printf(", the newest %zu of them shown (--limit)", l->room);
    printf("\n%s", row->ptr);
}

/* ---- as JSON ---- */

static void print_json(struct dlq *q, struct list *l, struct strbuf *row)
{
    struct letter letter;
    struct json_out j;

    letter_counts_sort(&l->counts);
    json_out_init(&j, row);
    json_object(&j);
    json_key(&j, "stream");
    json_str(&j, q->options->stream);
    json_key(&j, "total");
    json_u64(&j, l->seen);
    json_key(&j, "byReason");
    letter_tally_write(&l->counts.by_reason, &j);
    json_key(&j, "bySource");
    letter_tally_write(&l->counts.by_source, &j);
    printf("%s,\"letters\":[", row->ptr);
    for (size_t i = 0; i < list_count(l); i++) {
        list_letter(l, i, &letter);
        strbuf_reset(row);
        json_out_init(&j, row);
        json_object(&j);
        letter_write(&letter, &j);
        json_object_end(&j);
        printf("%s%s", i ? ",\n" : "\n", row->ptr);
    }
    printf("]}\n");
}

int dlq_ls(struct dlq *q, struct strbuf *err)
{
    struct list l = { .room = q->options->limit };
    const struct dlq_scan scan = {
        .headers_only = true, .what = "reading", .take = keep, .ctx = &l
    };
    _cleanup_strbuf_ struct strbuf row;
    int r;

    strbuf_init(&row, ROW_MAX_BYTES);
    l.ring = calloc(l.room, sizeof(struct bus_delivery *));
    r = l.ring ? dlq_scan(q, &scan, NULL, err) : -ENOMEM;
    if (r == 0 && q->options->json)
        print_json(q, &l, &row);
    else if (r == 0)
        print_text(q, &l, &row);
    list_release(&l);
    return r;
}

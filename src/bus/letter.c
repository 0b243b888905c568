#include "bus/letter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "bus/dead_letter.h"

#define OTHERS "others"
#define UNNAMED "unknown"

static const char *header(struct bus_delivery *d, const char *name)
{
    const char *value = bus_delivery_header(d, name);

    return value ? value : "";
}

static uint64_t number(struct bus_delivery *d, const char *name, uint64_t otherwise)
{
    uint64_t n;

    return parse_u64(span_str(header(d, name)), &n) == 0 ? n : otherwise;
}

static const char *source_of(const char *subject)
{
    size_t prefix = strlen(BUS_DLQ_PREFIX);

    return strncmp(subject, BUS_DLQ_PREFIX, prefix) == 0 ? subject + prefix : "";
}

void letter_of(struct bus_delivery *d, struct letter *ret)
{
    uint64_t stored = bus_delivery_bytes(d);

    *ret = (struct letter){
        .delivery = d,
        .seq = d->seq,
        .stored_nsec = d->stored_nsec,
        .source = source_of(d->subject),
        .reason = header(d, DLQ_HEADER_REASON),
        .detail = header(d, DLQ_HEADER_DETAIL),
        .pointer = header(d, DLQ_HEADER_POINTER),
        .correlation_id = header(d, DLQ_HEADER_CORRELATION),
        .origin = header(d, DLQ_HEADER_ORIGIN),
        .received = header(d, DLQ_HEADER_RECEIVED),
        .index = number(d, DLQ_HEADER_INDEX, 0),
        .bytes = number(d, DLQ_HEADER_BYTES, stored),
    };
    ret->cut = ret->bytes > stored;
}

static bool is(const char *value, const char *wanted)
{
    return !wanted || strcmp(value, wanted) == 0;
}

bool letter_matches(const struct letter *letter, const struct letter_filter *filter)
{
    return is(letter->source, filter->source) && is(letter->reason, filter->reason) &&
           is(letter->correlation_id, filter->correlation_id) &&
           (!filter->from_nsec || letter->stored_nsec >= filter->from_nsec) &&
           (!filter->to_nsec || letter->stored_nsec < filter->to_nsec);
}

const char *letter_subject(const struct letter_filter *filter, char buf[LETTER_SUBJECT_MAX])
{
    if (!filter->source)
        return NULL;
    (void)snprintf(buf, LETTER_SUBJECT_MAX, BUS_DLQ_PREFIX "%s", filter->source);
    return buf;
}

/* ---- as JSON ---- */

static void write_text(struct json_out *j, const char *key, const char *value)
{
    json_key(j, key);
    json_str(j, value[0] ? value : NULL);
}

void letter_write(const struct letter *letter, struct json_out *j)
{
    char stored[TIMESTAMP_TEXT_MAX];

    json_key(j, "seq");
    json_u64(j, letter->seq);
    json_key(j, "rejectedAt");
    json_string(j, timestamp_format(letter->stored_nsec / 1000, stored));
    write_text(j, "receivedAt", letter->received);
    write_text(j, "source", letter->source);
    write_text(j, "reason", letter->reason);
    json_key(j, "pointer");
    json_str(j, letter->pointer);
    write_text(j, "detail", letter->detail);
    write_text(j, "correlationId", letter->correlation_id);
    write_text(j, "origin", letter->origin);
    json_key(j, "index");
    json_u64(j, letter->index);
    json_key(j, "bytes");
    json_u64(j, letter->bytes);
}

/* ---- counts ---- */

static void tally_add(struct letter_tally *t, const char *value)
{
    char name[LETTER_KIND_BYTES];

    (void)snprintf(name, sizeof(name), "%s", value[0] ? value : UNNAMED);
    for (size_t i = 0; i < t->kind_count; i++)
        if (strcmp(t->kinds[i].name, name) == 0) {
            t->kinds[i].count++;
            return;
        }
    if (t->kind_count == LETTER_KINDS_MAX) {
        t->others++;
        return;
    }
    memcpy(t->kinds[t->kind_count].name, name, sizeof(name));
    t->kinds[t->kind_count++].count = 1;
}

void letter_count(struct letter_counts *counts, const struct letter *letter)
{
    counts->total++;
    tally_add(&counts->by_reason, letter->reason);
    tally_add(&counts->by_source, letter->source);
}

static int compare(const void *a, const void *b)
{
    const struct letter_kind *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->name, y->name);
}

static void tally_sort(struct letter_tally *t)
{
    qsort(t->kinds, t->kind_count, sizeof(t->kinds[0]), compare);
}

void letter_counts_sort(struct letter_counts *counts)
{
    tally_sort(&counts->by_reason);
    tally_sort(&counts->by_source);
}

void letter_tally_write(const struct letter_tally *t, struct json_out *j)
{
    json_object(j);
    for (size_t i = 0; i < t->kind_count; i++) {
        json_key(j, t->kinds[i].name);
        json_u64(j, t->kinds[i].count);
    }
    if (t->others) {
        json_key(j, OTHERS);
        json_u64(j, t->others);
    }
    json_object_end(j);
}

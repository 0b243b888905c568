/* Layout of an array: array_recv() in PostgreSQL's src/backend/utils/adt/arrayfuncs.c. */
#include "store/array.h"

#include "store/wire.h"

/* PostgreSQL refuses messages of 1 GB; batches are capped far below. */
#define ARRAY_BYTES_MAX (256 * 1024 * 1024)
#define ARRAY_HEADER_BYTES 20

static const struct {
    uint32_t element, array;
} array_types[] = {
    { PG_INT8, 1016 },   { PG_INT4, 1007 },   { PG_TEXT, 1009 },
    { PG_FLOAT8, 1022 }, { PG_DATE, 1182 },   { PG_TIMESTAMPTZ, 1185 },
    { PG_UUID, 2951 },   { PG_VARBIT, 1563 }, { PG_NUMERIC, 1231 },
};

void pg_array_init(struct pg_array *a)
{
    strbuf_init(&a->bytes, ARRAY_BYTES_MAX);
    a->count = 0;
}

void pg_array_release(struct pg_array *a)
{
    strbuf_release(&a->bytes);
}

void pg_array_start(struct pg_array *a, enum pg_type element)
{
    strbuf_reset(&a->bytes);
    a->count = 0;
    if (strbuf_reserve(&a->bytes, ARRAY_HEADER_BYTES) < 0)
        return;
    wire_put_i32(&a->bytes, 1); /* dimensions */
    wire_put_i32(&a->bytes, 0); /* flags: the receiver looks for nulls itself */
    wire_put_i32(&a->bytes, (int32_t)element);
    wire_put_i32(&a->bytes, 0); /* length, patched at the end */
    wire_put_i32(&a->bytes, 1); /* lower bound */
}

static bool next(struct pg_array *a, size_t bytes)
{
    if (strbuf_reserve(&a->bytes, bytes + WIRE_FIELD_MAX) < 0)
        return false;
    a->count++;
    return true;
}

void pg_array_i32(struct pg_array *a, int32_t v)
{
    if (next(a, 0))
        wire_field_i32(&a->bytes, v);
}

void pg_array_i64(struct pg_array *a, int64_t v)
{
    if (next(a, 0))
        wire_field_i64(&a->bytes, v);
}

void pg_array_double(struct pg_array *a, double v)
{
    if (next(a, 0))
        wire_field_double(&a->bytes, v);
}

void pg_array_timestamp(struct pg_array *a, int64_t usec)
{
    if (next(a, 0))
        wire_field_timestamp(&a->bytes, usec);
}

void pg_array_date(struct pg_array *a, int64_t day)
{
    if (next(a, 0))
        wire_field_date(&a->bytes, day);
}

void pg_array_text(struct pg_array *a, struct span s)
{
    if (next(a, s.len))
        wire_field_text(&a->bytes, s);
}

void pg_array_key(struct pg_array *a, const struct event_key *key)
{
    if (next(a, EVENT_KEY_BYTES))
        wire_field_bytes(&a->bytes, key->bytes, EVENT_KEY_BYTES);
}

void pg_array_cents(struct pg_array *a, cents_sum cents)
{
    if (next(a, CENTS_BYTES_MAX))
        wire_field_cents(&a->bytes, cents);
}

void pg_array_bits(struct pg_array *a, const void *bits, uint32_t count)
{
    size_t bytes = (count + 7) / 8;

    if (!next(a, bytes))
        return;
    wire_put_i32(&a->bytes, (int32_t)(sizeof(int32_t) + bytes));
    wire_put_i32(&a->bytes, (int32_t)count);
    wire_put(&a->bytes, bits, bytes);
}

void pg_array_null(struct pg_array *a)
{
    if (next(a, 0))
        wire_field_null(&a->bytes);
}

static uint32_t array_type_of(uint32_t element)
{
    for (size_t i = 0; i < ARRAY_SIZE(array_types); i++)
        if (array_types[i].element == element)
            return array_types[i].array;
    return 0;
}

int pg_array_param(struct pg_array *a, struct pg_params *p)
{
    uint32_t be, element;

    if (strbuf_error(&a->bytes) < 0)
        return strbuf_error(&a->bytes);
    memcpy(&be, a->bytes.ptr + 8, sizeof(be));
    element = be32toh(be);
    be = htobe32(a->count);
    memcpy(a->bytes.ptr + 12, &be, sizeof(be));
    pg_param_binary(p, array_type_of(element), strbuf_span(&a->bytes));
    return 0;
}

struct pg_texts pg_texts_of(const char *value)
{
    int32_t dimensions = wire_get_i32(value);

    /* Behind it: flags, type of the elements; then length and lower bound of each dimension. */
    return (struct pg_texts){
        .next = value + ARRAY_HEADER_BYTES,
        .left = dimensions == 1 ? wire_get_i32(value + 12) : 0,
    };
}

bool pg_texts_next(struct pg_texts *texts, struct span *ret)
{
    int32_t len;

    if (texts->left == 0)
        return false;
    len = wire_get_i32(texts->next);
    texts->next += sizeof(len);
    *ret = len < 0 ? SPAN_NONE : span_of(texts->next, (size_t)len);
    texts->next += MAX(len, 0);
    texts->left--;
    return true;
}

/*
 * PostgreSQL's binary formats: what COPY (FORMAT binary) and binary parameters are made of.
 * Everything is big-endian; times count from 2000-01-01
 * (https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.4, src/backend/utils/adt/).
 *
 * The wire_put_ functions write into room that was made before with strbuf_reserve().
 */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/span.h"
#include "base/strbuf.h"

#define WIRE_EPOCH_DAYS 10957 /* 1970-01-01 to 2000-01-01 */
#define WIRE_EPOCH_USEC (WIRE_EPOCH_DAYS * USEC_PER_DAY)
#define WIRE_TIMESTAMP_NOBEGIN INT64_MIN /* '-infinity' */

static inline void wire_put(struct strbuf *sb, const void *data, size_t len)
{
    if (len)
        memcpy(sb->ptr + sb->len, data, len);
    sb->len += len;
}

static inline void wire_put_i16(struct strbuf *sb, int16_t v)
{
    uint16_t be = htobe16((uint16_t)v);
    wire_put(sb, &be, sizeof(be));
}

static inline void wire_put_i32(struct strbuf *sb, int32_t v)
{
    uint32_t be = htobe32((uint32_t)v);
    wire_put(sb, &be, sizeof(be));
}

static inline void wire_put_i64(struct strbuf *sb, int64_t v)
{
    uint64_t be = htobe64((uint64_t)v);
    wire_put(sb, &be, sizeof(be));
}

static inline int32_t wire_get_i32(const char *p)
{
    uint32_t be;
    memcpy(&be, p, sizeof(be));
    return (int32_t)be32toh(be);
}

static inline int64_t wire_get_i64(const char *p)
{
    uint64_t be;
    memcpy(&be, p, sizeof(be));
    return (int64_t)be64toh(be);
}

/* Values as fields: length, then bytes. A field never takes more than WIRE_FIELD_MAX beside its
 * bytes. */
#define WIRE_FIELD_MAX 12

static inline void wire_field_null(struct strbuf *sb)
{
    wire_put_i32(sb, -1);
}

static inline void wire_field_bytes(struct strbuf *sb, const void *data, size_t len)
{
    wire_put_i32(sb, (int32_t)len);
    wire_put(sb, data, len);
}

static inline void wire_field_i32(struct strbuf *sb, int32_t v)
{
    wire_put_i32(sb, sizeof(v));
    wire_put_i32(sb, v);
}

static inline void wire_field_i64(struct strbuf *sb, int64_t v)
{
    wire_put_i32(sb, sizeof(v));
    wire_put_i64(sb, v);
}

static inline void wire_field_double(struct strbuf *sb, double v)
{
    int64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    wire_field_i64(sb, bits);
}

static inline void wire_field_timestamp(struct strbuf *sb, int64_t usec)
{
    wire_field_i64(sb, usec - WIRE_EPOCH_USEC);
}

static inline void wire_field_date(struct strbuf *sb, int64_t day)
{
    wire_field_i32(sb, (int32_t)(day - WIRE_EPOCH_DAYS));
}

/* A text; null when the span has no pointer. */
static inline void wire_field_text(struct strbuf *sb, struct span s)
{
    if (s.ptr)
        wire_field_bytes(sb, s.ptr, s.len);
    else
        wire_field_null(sb);
}

/*
 * A span is borrowed bytes: pointer and length, not NUL-terminated, never owned. It is valid as
 * long as the buffer it points into. Bytes stay spans until something has proven them to be text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *ptr;
    size_t len;
};

#define SPAN(literal) ((struct span){ (literal), sizeof(literal) - 1 })
#define SPAN_NONE ((struct span){ NULL, 0 })
/* For printf: "%.*s", SPAN_ARG(s) */
#define SPAN_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline struct span span_of(const void *ptr, size_t len)
{
    return (struct span){ (const char *)ptr, len };
}

static inline struct span span_str(const char *s)
{
    return (struct span){ s, s ? strlen(s) : 0 };
}

static inline uint64_t span_load_u64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

/* Names are short, and a call for each comparison is what decoding spends most on: 8 to 16 bytes
 * are compared as two words that may overlap. */
static inline bool span_eq(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    if (a.len >= 8 && a.len <= 16)
        return ((span_load_u64(a.ptr) ^ span_load_u64(b.ptr)) |
                (span_load_u64(a.ptr + a.len - 8) ^ span_load_u64(b.ptr + b.len - 8))) == 0;
    if (a.len > 16)
        return memcmp(a.ptr, b.ptr, a.len) == 0;
    for (size_t i = 0; i < a.len; i++)
        if (a.ptr[i] != b.ptr[i])
            return false;
    return true;
}

/* Byte order, shorter first when one is a prefix of the other: what memcmp on keys needs. */
int span_cmp(struct span a, struct span b);

/* ASCII case-insensitive equality, as HTTP header names and values compare. */
bool span_eq_nocase(struct span a, struct span b);

/* Without spaces, tabs, CR and LF at both ends. */
struct span span_trim(struct span s);

/* Takes the bytes before the first `sep` off *rest (all of it when there is none). False when *rest
 * is used up: `for (struct span part; span_split(&rest, ',', &part);)`. */
bool span_split(struct span *rest, char sep, struct span *ret_part);

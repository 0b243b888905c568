/*
 * A growing byte buffer with a cap at birth. It always holds a NUL after its last byte, so that
 * buf.ptr is a C string when the bytes are text.
 *
 * Errors stick: the first append that fails (-ENOMEM, or -ENOBUFS past the cap) leaves the contents
 * as they were and sets buf.error; later appends do nothing and return the same. A builder may thus
 * append many times and check once, at the end, with strbuf_error().
 *
 * Not thread-safe; owned by one thread at a time.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"

struct strbuf {
    char *ptr;   /* never NULL after init; owned */
    size_t len;  /* bytes in use, without the NUL */
    size_t size; /* bytes allocated */
    size_t cap;  /* len never passes this */
    int error;   /* 0, -ENOMEM or -ENOBUFS */
};

/* An embedded buffer that allocates on first use. cap: the most bytes it may hold. */
void strbuf_init(struct strbuf *sb, size_t cap);
void strbuf_release(struct strbuf *sb);
#define _cleanup_strbuf_ _cleanup_(strbuf_release)

/* Empties it and clears the error; keeps the memory. */
void strbuf_reset(struct strbuf *sb);

int strbuf_add(struct strbuf *sb, const void *data, size_t len);
int strbuf_addc(struct strbuf *sb, char c);
int strbuf_adds(struct strbuf *sb, const char *s);
int strbuf_addspan(struct strbuf *sb, struct span s);
int strbuf_addf(struct strbuf *sb, const char *fmt, ...) PRINTF_LIKE(2, 3);
int strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
int strbuf_addu64(struct strbuf *sb, uint64_t v);
int strbuf_addi64(struct strbuf *sb, int64_t v);

/* Makes room for `more` further bytes without adding any. */
int strbuf_reserve(struct strbuf *sb, size_t more) MUST_CHECK;

/* Cuts it to `len` bytes; len MUST NOT be larger than what it holds. */
void strbuf_truncate(struct strbuf *sb, size_t len);

/* Hands the bytes over (NUL-terminated, to be freed with free()); the buffer is empty afterwards.
 * NULL when nothing was ever allocated and that fails now. */
char *strbuf_take(struct strbuf *sb, size_t *ret_len);

static inline int strbuf_error(const struct strbuf *sb)
{
    return sb->error;
}

static inline struct span strbuf_span(const struct strbuf *sb)
{
    return span_of(sb->ptr, sb->len);
}

/* For error texts, which every fallible library function hands to its caller: replaces the content.
 * A text longer than the cap is cut there: better than none. */
void strbuf_setf(struct strbuf *sb, const char *fmt, ...) PRINTF_LIKE(2, 3);

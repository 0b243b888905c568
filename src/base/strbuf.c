#include "base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an unallocated buffer points at, so that ptr is always a C string. Never written to. */
static char nothing[1];

void strbuf_init(struct strbuf *sb, size_t cap)
{
    *sb = (struct strbuf){ .ptr = nothing, .cap = cap };
}

void strbuf_release(struct strbuf *sb)
{
    if (sb->size)
        free(sb->ptr);
    strbuf_init(sb, sb->cap);
}

void strbuf_reset(struct strbuf *sb)
{
    sb->error = 0;
    strbuf_truncate(sb, 0);
}

void strbuf_truncate(struct strbuf *sb, size_t len)
{
    sb->len = len;
    if (sb->size)
        sb->ptr[len] = '\0';
}

int strbuf_reserve(struct strbuf *sb, size_t more)
{
    size_t need, size;
    char *p;

    if (sb->error)
        return sb->error;
    if (more > sb->cap || sb->len > sb->cap - more)
        return sb->error = -ENOBUFS;
    need = sb->len + more + 1;
    if (need <= sb->size)
        return 0;
    size = MAX(sb->size * 2, (size_t)64);
    size = MAX(need, MIN(size, sb->cap + 1));
    p = realloc(sb->size ? sb->ptr : NULL, size);
    if (!p)
        return sb->error = -ENOMEM;
    sb->ptr = p;
    sb->size = size;
    sb->ptr[sb->len] = '\0';
    return 0;
}

int strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
    int r = strbuf_reserve(sb, len);

    if (r < 0)
        return r;
    if (len)
        memcpy(sb->ptr + sb->len, data, len);
    strbuf_truncate(sb, sb->len + len);
    return 0;
}

int strbuf_addc(struct strbuf *sb, char c)
{
    return strbuf_add(sb, &c, 1);
}

int strbuf_adds(struct strbuf *sb, const char *s)
{
    return strbuf_add(sb, s, strlen(s));
}

int strbuf_addspan(struct strbuf *sb, struct span s)
{
    return strbuf_add(sb, s.ptr, s.len);
}

int strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap)
{
    va_list again;
    int n, r;

    if (sb->error)
        return sb->error;
    va_copy(again, ap);
    n = vsnprintf(sb->ptr + sb->len, sb->size ? sb->size - sb->len : 0, fmt, again);
    va_end(again);
    if (n < 0)
        return sb->error = -EINVAL;
    if (sb->size && (size_t)n < sb->size - sb->len && sb->len + (size_t)n <= sb->cap) {
        sb->len += (size_t)n;
        return 0;
    }
    r = strbuf_reserve(sb, (size_t)n);
    if (r < 0) {
        strbuf_truncate(sb, sb->len);
        return r;
    }
    (void)vsnprintf(sb->ptr + sb->len, (size_t)n + 1, fmt, ap);
    sb->len += (size_t)n;
    return 0;
}

int strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = strbuf_vaddf(sb, fmt, ap);
    va_end(ap);
    return r;
}

int strbuf_addu64(struct strbuf *sb, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    return strbuf_add(sb, digits + at, sizeof(digits) - at);
}

int strbuf_addi64(struct strbuf *sb, int64_t v)
{
    if (v >= 0)
        return strbuf_addu64(sb, (uint64_t)v);
    (void)strbuf_addc(sb, '-');
    return strbuf_addu64(sb, 0 - (uint64_t)v);
}

char *strbuf_take(struct strbuf *sb, size_t *ret_len)
{
    char *p;

    if (strbuf_reserve(sb, 0) < 0)
        return NULL;
    p = sb->ptr;
    if (ret_len)
        *ret_len = sb->len;
    strbuf_init(sb, sb->cap);
    return p;
}

void strbuf_setf(struct strbuf *sb, const char *fmt, ...)
{
    va_list ap, again;

    strbuf_reset(sb);
    va_start(ap, fmt);
    va_copy(again, ap);
    if (strbuf_vaddf(sb, fmt, ap) == -ENOBUFS) {
        sb->error = 0;
        if (strbuf_reserve(sb, sb->cap) == 0) {
            (void)vsnprintf(sb->ptr, sb->cap + 1, fmt, again);
            sb->len = sb->cap;
        }
    }
    va_end(again);
    va_end(ap);
}

#include "service/dotenv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES (64 * 1024)
#define ENTRIES_MAX 1024

void dotenv_init(struct dotenv *d)
{
    *d = (struct dotenv){ 0 };
    arena_init(&d->arena, 4096, 8 * (size_t)FILE_MAX_BYTES);
}

void dotenv_release(struct dotenv *d)
{
    arena_release(&d->arena);
    dotenv_init(d);
}

static bool is_key(struct span key)
{
    if (!key.len || (key.ptr[0] >= '0' && key.ptr[0] <= '9'))
        return false;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];

        if (c != '_' && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
            !(c >= '0' && c <= '9'))
            return false;
    }
    return true;
}

/* What stands behind a closing quote: nothing, or a comment. */
static bool is_rest_empty(struct span rest)
{
    rest = span_trim(rest);
    return !rest.len || rest.ptr[0] == '#';
}

static char unescape(char c)
{
    return c == 'n' ? '\n' : c == 't' ? '\t' : c;
}

/* text begins behind the opening quote. */
static int quoted_value(struct arena *a, struct span text, char quote, struct span *ret)
{
    char *out = arena_alloc(a, text.len + 1);
    size_t n = 0, i = 0;

    if (!out)
        return -ENOMEM;
    for (; i < text.len && text.ptr[i] != quote; i++) {
        char c = text.ptr[i];

        if (quote == '"' && c == '\\' && i + 1 < text.len)
            c = unescape(text.ptr[++i]);
        out[n++] = c;
    }
    if (i == text.len || !is_rest_empty(span_of(text.ptr + i + 1, text.len - i - 1)))
        return -EBADMSG;
    out[n] = '\0';
    *ret = span_of(out, n);
    return 0;
}

static int plain_value(struct arena *a, struct span text, struct span *ret)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '#' && (i == 0 || text.ptr[i - 1] == ' ' || text.ptr[i - 1] == '\t'))
            text.len = i;
    *ret = arena_span(a, span_trim(text));
    return ret->ptr ? 0 : -ENOMEM;
}

static int parse_line(struct arena *a, struct span line, struct dotenv_entry *ret)
{
    struct span key;

    if (line.len > 7 && memcmp(line.ptr, "export ", 7) == 0)
        line = span_of(line.ptr + 7, line.len - 7);
    if (!memchr(line.ptr, '=', line.len))
        return -EBADMSG;
    (void)span_split(&line, '=', &key);
    key = span_trim(key);
    if (!is_key(key))
        return -EBADMSG;
    ret->key = arena_span(a, key);
    if (!ret->key.ptr)
        return -ENOMEM;
    line = span_trim(line);
    if (line.len && (line.ptr[0] == '"' || line.ptr[0] == '\''))
        return quoted_value(a, span_of(line.ptr + 1, line.len - 1), line.ptr[0], &ret->value);
    return plain_value(a, line, &ret->value);
}

int dotenv_parse(struct dotenv *d, struct span text, const char *path, struct strbuf *err)
{
    unsigned number = 0;

    d->entries = arena_array(&d->arena, struct dotenv_entry, ENTRIES_MAX);
    if (!d->entries)
        return -ENOMEM;
    for (struct span line; span_split(&text, '\n', &line);) {
        int r;

        number++;
        line = span_trim(line);
        if (!line.len || line.ptr[0] == '#')
            continue;
        if (d->count == ENTRIES_MAX) {
            strbuf_setf(err, "%s: more than %d settings", path, ENTRIES_MAX);
            return -E2BIG;
        }
        r = parse_line(&d->arena, line, &d->entries[d->count]);
        if (r < 0) {
            strbuf_setf(err, "%s line %u is not KEY=VALUE", path, number);
            return r;
        }
        d->entries[d->count++].line = number;
    }
    return 0;
}

static int read_all(int fd, struct strbuf *text)
{
    for (;;) {
        ssize_t n;
        int r = strbuf_reserve(text, MIN((size_t)4096, text->cap - text->len));

        if (r < 0)
            return r;
        n = read(fd, text->ptr + text->len, MIN((size_t)4096, text->cap - text->len));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return text->len == text->cap ? -EFBIG : 0;
        strbuf_truncate(text, text->len + (size_t)n);
    }
}

int dotenv_read(struct dotenv *d, const char *path, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf text;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r;

    strbuf_init(&text, FILE_MAX_BYTES);
    r = fd < 0 ? -errno : read_all(fd, &text);
    if (r < 0) {
        strbuf_setf(err, "cannot read %s: %s", path, strerror(-r));
        return r;
    }
    return dotenv_parse(d, strbuf_span(&text), path, err);
}

const struct dotenv_entry *dotenv_find(const struct dotenv *d, const char *key)
{
    for (size_t i = d->count; i > 0; i--)
        if (span_eq(d->entries[i - 1].key, span_str(key)))
            return &d->entries[i - 1];
    return NULL;
}

#include "stack/database_url.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/span.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_decoded(struct strbuf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
        int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;

        if (text.ptr[i] == '%' && high >= 0 && low >= 0) {
            (void)strbuf_addc(out, (char)(high * 16 + low));
            i += 2;
        } else {
            (void)strbuf_addc(out, text.ptr[i]);
        }
    }
}

/* user:password@hosts */
static void split_authority(struct span authority, struct strbuf *public, struct strbuf *password)
{
    const char *at = memrchr(authority.ptr, '@', authority.len);
    const char *colon = at ? memchr(authority.ptr, ':', (size_t)(at - authority.ptr)) : NULL;

    if (!colon) {
        (void)strbuf_addspan(public, authority);
        return;
    }
    add_decoded(password, span_of(colon + 1, (size_t)(at - colon - 1)));
    (void)strbuf_add(public, authority.ptr, (size_t)(colon - authority.ptr));
    (void)strbuf_addspan(public, span_of(at, (size_t)(authority.ptr + authority.len - at)));
}

static void split_query(struct span query, struct strbuf *public, struct strbuf *password)
{
    static const struct span name = SPAN("password=");
    char separator = '?';

    for (struct span part; span_split(&query, '&', &part);) {
        if (part.len >= name.len && memcmp(part.ptr, name.ptr, name.len) == 0) {
            strbuf_reset(password);
            add_decoded(password, span_of(part.ptr + name.len, part.len - name.len));
            continue;
        }
        (void)strbuf_addc(public, separator);
        (void)strbuf_addspan(public, part);
        separator = '&';
    }
}

static void split_url(const char *url, const char *authority, struct strbuf *public,
                      struct strbuf *password)
{
    size_t authority_len = strcspn(authority, "/?");
    const char *path = authority + authority_len;
    size_t path_len = strcspn(path, "?");

    (void)strbuf_add(public, url, (size_t)(authority - url));
    split_authority(span_of(authority, authority_len), public, password);
    (void)strbuf_add(public, path, path_len);
    if (path[path_len])
        split_query(span_str(path + path_len + 1), public, password);
}

/* The value of one keyword: bare or in single quotes, a backslash takes the next byte as it is.
 * *decoded may be NULL. Returns what follows. */
static const char *skip_value(const char *at, struct strbuf *decoded)
{
    bool quoted = *at == '\'';

    if (quoted)
        at++;
    while (*at && (quoted ? *at != '\'' : !isspace((unsigned char)*at))) {
        if (*at == '\\' && at[1])
            at++;
        if (decoded)
            (void)strbuf_addc(decoded, *at);
        at++;
    }
    return quoted && *at ? at + 1 : at;
}

static void split_keywords(const char *at, struct strbuf *public, struct strbuf *password)
{
    for (;;) {
        const char *name, *value;
        bool secret;

        while (isspace((unsigned char)*at))
            at++;
        if (!*at)
            return;
        name = at;
        secret = strncmp(name, "password", 8) == 0 && strchr("= ", name[8]);
        value = name + strcspn(name, "=");
        if (*value)
            value++;
        while (*value == ' ')
            value++;
        if (secret)
            strbuf_reset(password);
        at = skip_value(value, secret ? password : NULL);
        if (secret)
            continue;
        if (public->len)
            (void)strbuf_addc(public, ' ');
        (void)strbuf_add(public, name, (size_t)(at - name));
    }
}

int database_url_split(const char *url, struct strbuf *public, struct strbuf *password)
{
    static const char *const schemes[] = { "postgresql://", "postgres://" };
    const char *authority = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            authority = url + strlen(schemes[i]);
    if (authority)
        split_url(url, authority, public, password);
    else
        split_keywords(url, public, password);
    return strbuf_error(public) ? strbuf_error(public) : strbuf_error(password);
}

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

/* user:password@ up to the first @ that stands before any slash. Returns what follows it; `at` when
 * there is none. */
static const char *split_user(const char *at, struct strbuf *public, struct strbuf *password)
{
    const char *end = at + strcspn(at, "@/"), *colon;

    if (*end != '@')
        return at;
    colon = memchr(at, ':', (size_t)(end - at));
    if (colon)
        add_decoded(password, span_of(colon + 1, (size_t)(end - colon - 1)));
    (void)strbuf_add(public, at, (size_t)((colon ? colon : end) - at));
    (void)strbuf_addc(public, '@');
    return end + 1;
}

/* Hosts, in brackets where they hold colons, and the path, up to the question mark. */
static const char *skip_hosts(const char *at)
{
    for (;; at++) {
        if (*at == '[')
            at += strcspn(at, "]");
        at += strcspn(at, "/?,");
        if (*at != ',')
            return at + strcspn(at, "?");
    }
}

static bool is_password(struct span name)
{
    _cleanup_strbuf_ struct strbuf decoded;

    strbuf_init(&decoded, name.len);
    add_decoded(&decoded, name);
    return span_eq(strbuf_span(&decoded), SPAN("password"));
}

static void split_query(struct span query, struct strbuf *public, struct strbuf *password)
{
    char separator = '?';

    for (struct span part; span_split(&query, '&', &part);) {
        struct span value = part, name;

        (void)span_split(&value, '=', &name);
        if (is_password(name)) {
            strbuf_reset(password);
            add_decoded(password, value);
            continue;
        }
        (void)strbuf_addc(public, separator);
        (void)strbuf_addspan(public, part);
        separator = '&';
    }
}

/* As conninfo_uri_parse_options() of libpq finds the parts (src/interfaces/libpq/fe-connect.c). */
static void split_url(const char *url, const char *authority, struct strbuf *public,
                      struct strbuf *password)
{
    const char *hosts, *end;

    (void)strbuf_add(public, url, (size_t)(authority - url));
    hosts = split_user(authority, public, password);
    end = skip_hosts(hosts);
    (void)strbuf_add(public, hosts, (size_t)(end - hosts));
    if (*end)
        split_query(span_str(end + 1), public, password);
}

static const char *skip_white(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

/* The value of one keyword: bare or in single quotes, a backslash takes the next byte as it is.
 * *decoded may be NULL. Returns what follows. */
static const char *skip_value(const char *at, struct strbuf *decoded)
{
    bool quoted = *at == '\'';

    if (quoted)
        at++;
    while (*at && (quoted ? *at != '\'' : !isspace((unsigned char)*at))) {
        if (*at == '\\' && *++at == '\0')
            break;
        if (decoded)
            (void)strbuf_addc(decoded, *at);
        at++;
    }
    return quoted && *at ? at + 1 : at;
}

static void split_keywords(const char *at, struct strbuf *public, struct strbuf *password)
{
    for (at = skip_white(at); *at; at = skip_white(at)) {
        const char *name = at, *value = name + strcspn(name, "=");
        bool secret = span_eq(span_of(name, strcspn(name, "= \t\n\v\f\r")), SPAN("password"));

        if (*value)
            value = skip_white(value + 1);
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

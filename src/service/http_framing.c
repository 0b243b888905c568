/*
 * What libmicrohttpd 0.9.75 accepts, also with MHD_OPTION_STRICT_FOR_CLIENT=1, and an intermediary
 * in front of us may read in another way (request smuggling, RFC 9112, 6.3 and 11.2): more than one
 * Content-Length, Content-Length beside Transfer-Encoding, other transfer codings, `Content-Length
 * : 5`, folded lines.
 */
#include <string.h>

#include "base/number.h"
#include "service/http_private.h"

struct scan {
    struct exchange *ex;
    struct http_framing framing;
    unsigned lengths, encodings, hosts;
    const char *wrong; /* the first thing that is, for a person */
};

/* tchar of RFC 9110, 5.6.2 */
static bool is_token(const char *s, size_t len)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < len; i++) {
        char c = s[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            !memchr(marks, c, sizeof(marks) - 1))
            return false;
    }
    return len > 0;
}

/* MHD cuts a header line in place: between name and value stand only the NUL that was the colon,
 * and blanks. It joins a folded line by copying the name elsewhere, in front of the folded text,
 * which then belongs to the name: so that a fold may make a Content-Length out of nothing. */
static bool is_folded(const char *name, size_t name_len, const char *value)
{
    uintptr_t end = (uintptr_t)name + name_len, at = (uintptr_t)value;

    if (at <= end || name[name_len] != '\0')
        return true;
    for (const char *p = name + name_len + 1; p < value; p++)
        if (*p != ' ' && *p != '\t')
            return true;
    return false;
}

static bool same(const char *name, size_t len, struct span expected)
{
    return len == expected.len && span_eq_nocase(span_of(name, len), expected);
}

static void see_encoding(struct scan *scan, struct span value)
{
    scan->encodings++;
    if (span_eq_nocase(value, SPAN("chunked")))
        scan->framing.chunked = true;
    else
        scan->wrong = "the only Transfer-Encoding taken is chunked";
}

static void see_length(struct scan *scan, struct span value)
{
    scan->lengths++;
    if (parse_u64(value, &scan->framing.length) < 0)
        scan->wrong = "Content-Length is not a number";
}

static bool is_correlation_id(struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
            return false;
    return value.len >= 1 && value.len <= 128;
}

static enum MHD_Result see_header(void *cls, enum MHD_ValueKind kind UNUSED, const char *name,
                                  size_t name_len, const char *value, size_t value_len)
{
    struct scan *scan = cls;
    struct span text = span_of(value, value_len);

    if (!is_token(name, name_len) || (value && is_folded(name, name_len, value)))
        scan->wrong = "a header line is malformed";
    else if (same(name, name_len, SPAN("Content-Length")))
        see_length(scan, text);
    else if (same(name, name_len, SPAN("Transfer-Encoding")))
        see_encoding(scan, text);
    else if (same(name, name_len, SPAN("Host")))
        scan->hosts++;
    else if (same(name, name_len, SPAN("Expect")))
        scan->framing.expects_continue = span_eq_nocase(text, SPAN("100-continue"));
    else if (same(name, name_len, SPAN("X-Correlation-Id")) && is_correlation_id(text))
        scan->ex->req.correlation_id = text;
    return scan->wrong ? MHD_NO : MHD_YES;
}

static const char *judge(const struct scan *scan, const char *version)
{
    bool http_1_0 = strcmp(version, "HTTP/1.0") == 0;

    if (scan->wrong)
        return scan->wrong;
    if (scan->lengths > 1 || scan->encodings > 1)
        return "the length of the body is given twice";
    if (scan->lengths && scan->encodings)
        return "Content-Length and Transfer-Encoding exclude each other";
    if (scan->encodings && http_1_0)
        return "HTTP/1.0 has no Transfer-Encoding";
    if (scan->hosts > 1 || (!scan->hosts && !http_1_0))
        return "exactly one Host header is needed";
    return scan->ex->bad_path ? "the path contains a NUL" : NULL;
}

bool http_framing_check(struct exchange *ex, const char *version, struct http_framing *ret_framing,
                        struct http_refusal *ret_refusal)
{
    struct scan scan = { .ex = ex };
    const char *wrong;

    (void)MHD_get_connection_values_n(ex->conn->mhd, MHD_HEADER_KIND, see_header, &scan);
    *ret_framing = scan.framing;
    wrong = judge(&scan, version);
    if (wrong)
        *ret_refusal = (struct http_refusal){
            .status = 400, .code = "bad_request", .message = wrong, .close = true
        };
    return wrong != NULL;
}

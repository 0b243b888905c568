/*
 * What libmicrohttpd 0.9.75 accepts, also with MHD_OPTION_STRICT_FOR_CLIENT=1, and an intermediary
 * in front of us may read in another way (request smuggling, RFC 9112, 6.3 and 11.2): more than one
 * Content-Length, Content-Length beside Transfer-Encoding, other transfer codings, `Content-Length
 * : 5`, folded lines, NULs, lines that end in a bare LF, and a line that begins with a colon, which
 * ends the headers there.
 *
 * The last four leave no trace in what MHD hands out but one: it cuts the lines in place, so that
 * in a well-formed header each name stands two bytes behind the value before it. (Not seen is a
 * line of nothing but a colon and a bare LF; nothing forwards that.)
 */
#include <string.h>

#include "base/number.h"
#include "service/http_private.h"

struct scan {
    struct exchange *ex;
    struct http_framing framing;
    unsigned lengths, encodings, hosts;
    const char *next_line; /* where the next header must begin */
    const char *wrong;     /* the first thing that is, for a person */
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

/* Only the NUL that was the colon, and blanks, stand between the name and its value. */
static bool is_line(const struct scan *scan, const char *name, size_t name_len, const char *value)
{
    if (name != scan->next_line || value <= name + name_len)
        return false;
    for (const char *p = name + name_len + 1; p < value; p++)
        if (*p != ' ' && *p != '\t')
            return false;
    return true;
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

    if (!is_token(name, name_len) || !is_line(scan, name, name_len, value))
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
    scan->next_line = value + value_len + 2;
    return scan->wrong ? MHD_NO : MHD_YES;
}

/* Whether the empty line stands right behind the last header. */
static bool ends_there(const struct scan *scan)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(scan->ex->conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    return info && scan->next_line + 2 == scan->ex->req.method + info->header_size;
}

static const char *judge(const struct scan *scan, const char *version)
{
    bool http_1_0 = strcmp(version, "HTTP/1.0") == 0;

    if (scan->wrong)
        return scan->wrong;
    if (!ends_there(scan))
        return "a header line is malformed";
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
    struct scan scan = { .ex = ex, .next_line = version + strlen(version) + 2 };
    const char *wrong;

    (void)MHD_get_connection_values_n(ex->conn->mhd, MHD_HEADER_KIND, see_header, &scan);
    *ret_framing = scan.framing;
    wrong = judge(&scan, version);
    if (wrong)
        *ret_refusal = (struct http_refusal){
            .status = 400,
            .reason = REFUSED_MALFORMED,
            .code = "bad_request",
            .message = wrong,
            .close = true,
        };
    return wrong != NULL;
}

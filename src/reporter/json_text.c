#include "reporter/json_text.h"

#include "base/number.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Behind the string whose opening quote is at `at`. */
static size_t after_string(struct span s, size_t at)
{
    for (at++; at < s.len && s.ptr[at] != '"'; at++)
        if (s.ptr[at] == '\\')
            at++;
    return at + 1 < s.len ? at + 1 : s.len;
}

/* Behind the value that begins at `at`. */
static size_t after_value(struct span s, size_t at)
{
    size_t depth = 0;

    while (at < s.len) {
        char c = s.ptr[at];

        if (c == '"') {
            at = after_string(s, at);
        } else if (!depth && (c == ',' || c == '}' || c == ']')) {
            break;
        } else {
            depth += c == '{' || c == '[';
            depth -= c == '}' || c == ']';
            at++;
        }
    }
    return at;
}

static size_t skip(struct span s, size_t at, char punctuation)
{
    while (at < s.len && (is_space(s.ptr[at]) || s.ptr[at] == punctuation))
        at++;
    return at;
}

struct span json_text_inside(struct span value)
{
    value = span_trim(value);
    if (value.len < 2 || (value.ptr[0] != '{' && value.ptr[0] != '['))
        return SPAN_NONE;
    return span_of(value.ptr + 1, value.len - 2);
}

bool json_text_next(struct span *rest, struct span *ret_key, struct span *ret_value)
{
    struct span s = *rest;
    size_t begin = skip(s, 0, ','), end;

    *ret_key = SPAN_NONE;
    if (begin >= s.len)
        return false;
    if (s.ptr[begin] == '"') {
        size_t after = after_string(s, begin), colon = skip(s, after, ' ');

        if (colon < s.len && s.ptr[colon] == ':') {
            *ret_key = span_of(s.ptr + begin + 1, after - begin - 2);
            begin = skip(s, colon, ':');
        }
    }
    end = after_value(s, begin);
    *ret_value = span_trim(span_of(s.ptr + begin, end - begin));
    *rest = span_of(s.ptr + end, s.len - end);
    return true;
}

struct span json_text_member(struct span object, const char *key)
{
    struct span rest = json_text_inside(object), name, value;

    while (json_text_next(&rest, &name, &value))
        if (span_eq(name, span_str(key)))
            return value;
    return SPAN_NONE;
}

static void add_utf8(struct strbuf *out, uint32_t c)
{
    if (c < 0x80) {
        (void)strbuf_addc(out, (char)c);
        return;
    }
    if (c < 0x800) {
        (void)strbuf_addc(out, (char)(0xc0 | c >> 6));
    } else {
        if (c < 0x10000) {
            (void)strbuf_addc(out, (char)(0xe0 | c >> 12));
        } else {
            (void)strbuf_addc(out, (char)(0xf0 | c >> 18));
            (void)strbuf_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
        }
        (void)strbuf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
    }
    (void)strbuf_addc(out, (char)(0x80 | (c & 0x3f)));
}

/* The code unit of "\uXXXX" at `at`; UINT32_MAX when there is none. */
static uint32_t unit_at(struct span s, size_t at)
{
    uint32_t unit = 0;

    if (at + 6 > s.len || s.ptr[at] != '\\' || s.ptr[at + 1] != 'u')
        return UINT32_MAX;
    for (size_t i = at + 2; i < at + 6; i++) {
        char c = s.ptr[i];
        uint32_t digit = c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);

        unit = unit << 4 | (digit & 0xf);
    }
    return unit;
}

/* How many bytes the escape at `at` takes. */
static size_t add_unicode(struct span s, size_t at, struct strbuf *out)
{
    uint32_t unit = unit_at(s, at), low = unit_at(s, at + 6);

    if (unit >= 0xd800 && unit < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
        add_utf8(out, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
        return 12;
    }
    add_utf8(out, unit > 0xffff || (unit >= 0xd800 && unit < 0xe000) ? 0xfffd : unit);
    return 6;
}

static char meaning_of(char escape)
{
    switch (escape) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return escape;
    }
}

void json_text_unescape(struct span escaped, struct strbuf *out)
{
    size_t at = 0;

    while (at < escaped.len) {
        const char *p = escaped.ptr + at;
        const char *backslash = memchr(p, '\\', escaped.len - at);
        size_t plain = backslash ? (size_t)(backslash - p) : escaped.len - at;

        (void)strbuf_add(out, p, plain);
        at += plain;
        if (at + 1 >= escaped.len)
            break;
        if (escaped.ptr[at + 1] == 'u') {
            at += add_unicode(escaped, at, out);
        } else {
            (void)strbuf_addc(out, meaning_of(escaped.ptr[at + 1]));
            at += 2;
        }
    }
}

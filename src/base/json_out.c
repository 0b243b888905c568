#include "base/json_out.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

void json_out_init(struct json_out *j, struct strbuf *sb)
{
    *j = (struct json_out){ .sb = sb };
}

static void before_value(struct json_out *j)
{
    if (j->comma)
        (void)strbuf_addc(j->sb, ',');
    j->comma = true;
}

static void open_with(struct json_out *j, char c)
{
    before_value(j);
    (void)strbuf_addc(j->sb, c);
    j->comma = false;
}

static void close_with(struct json_out *j, char c)
{
    (void)strbuf_addc(j->sb, c);
    j->comma = true;
}

void json_object(struct json_out *j)
{
    open_with(j, '{');
}

void json_object_end(struct json_out *j)
{
    close_with(j, '}');
}

void json_array(struct json_out *j)
{
    open_with(j, '[');
}

void json_array_end(struct json_out *j)
{
    close_with(j, ']');
}

void json_key_span(struct json_out *j, struct span key)
{
    before_value(j);
    json_quote(j->sb, key);
    (void)strbuf_addc(j->sb, ':');
    j->comma = false;
}

void json_key(struct json_out *j, const char *key)
{
    json_key_span(j, span_str(key));
}

void json_string(struct json_out *j, struct span value)
{
    before_value(j);
    json_quote(j->sb, value);
}

void json_str(struct json_out *j, const char *value)
{
    if (value)
        json_string(j, span_str(value));
    else
        json_null(j);
}

void json_raw(struct json_out *j, struct span json)
{
    before_value(j);
    (void)strbuf_addspan(j->sb, json);
}

void json_bool(struct json_out *j, bool value)
{
    json_raw(j, value ? SPAN("true") : SPAN("false"));
}

void json_null(struct json_out *j)
{
    json_raw(j, SPAN("null"));
}

void json_u64(struct json_out *j, uint64_t value)
{
    before_value(j);
    (void)strbuf_addu64(j->sb, value);
}

void json_i64(struct json_out *j, int64_t value)
{
    before_value(j);
    (void)strbuf_addi64(j->sb, value);
}

void json_double(struct json_out *j, double value)
{
    char text[32];

    if (!isfinite(value)) {
        json_null(j);
        return;
    }
    for (int precision = 6; precision <= 17; precision++) {
        (void)snprintf(text, sizeof(text), "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    json_raw(j, span_str(text));
}

static void quote_control(struct strbuf *sb, unsigned char c)
{
    switch (c) {
    case '"':
        (void)strbuf_adds(sb, "\\\"");
        break;
    case '\\':
        (void)strbuf_adds(sb, "\\\\");
        break;
    case '\n':
        (void)strbuf_adds(sb, "\\n");
        break;
    case '\r':
        (void)strbuf_adds(sb, "\\r");
        break;
    case '\t':
        (void)strbuf_adds(sb, "\\t");
        break;
    default:
        (void)strbuf_addf(sb, "\\u%04x", c);
    }
}

/* ASCII that stands for itself. */
static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void json_quote(struct strbuf *sb, struct span value)
{
    const char *p = value.ptr ? value.ptr : "";
    size_t run = 0, i = 0;

    (void)strbuf_addc(sb, '"');
    while (i < value.len) {
        size_t n = is_plain(p[i]) ? 1 : utf8_sequence(p + i, value.len - i);

        if (n > 1 || is_plain(p[i])) {
            i += n;
            continue;
        }
        (void)strbuf_add(sb, p + run, i - run);
        if (n == 1)
            quote_control(sb, p[i]);
        else
            (void)strbuf_adds(sb, "\xef\xbf\xbd");
        run = ++i;
    }
    (void)strbuf_add(sb, p + run, i - run);
    (void)strbuf_addc(sb, '"');
}

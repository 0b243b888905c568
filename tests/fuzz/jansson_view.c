#include "jansson_view.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

#define FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL)

enum verdict jansson_verdict(const void *data, size_t size)
{
    json_error_t error;
    json_t *root = json_loadb(data, size, FLAGS | JSON_DECODE_INT_AS_REAL, &error);

    if (root) {
        json_decref(root);
        return VERDICT_ACCEPTED;
    }
    return json_error_code(&error) == json_error_null_byte_in_key ? VERDICT_CANNOT_SAY
                                                                  : VERDICT_REFUSED;
}

/* ---- tokens ---- */

void token_mark(struct strbuf *out, char kind)
{
    (void)strbuf_addc(out, kind);
}

void token_text(struct strbuf *out, struct span text)
{
    (void)strbuf_addf(out, "\"%zu:", text.len);
    (void)strbuf_addspan(out, text);
}

void token_int(struct strbuf *out, int64_t v)
{
    (void)strbuf_addf(out, "i%" PRId64 ";", v);
}

void token_double(struct strbuf *out, double v)
{
    (void)strbuf_addf(out, "d%a;", v);
}

static struct span text_of(const json_t *string)
{
    return span_of(json_string_value(string), json_string_length(string));
}

static void write_value(json_t *v, struct strbuf *out);

static void write_container(json_t *v, struct strbuf *out)
{
    const char *key;
    json_t *member;
    size_t i, len;

    token_mark(out, json_is_array(v) ? '[' : '{');
    if (json_is_array(v))
        json_array_foreach(v, i, member) write_value(member, out);
    else
        json_object_keylen_foreach(v, key, len, member)
        {
            token_text(out, span_of(key, len));
            write_value(member, out);
        }
    token_mark(out, json_is_array(v) ? ']' : '}');
}

static void write_value(json_t *v, struct strbuf *out)
{
    switch (json_typeof(v)) {
    case JSON_STRING:
        token_text(out, text_of(v));
        break;
    case JSON_INTEGER:
        token_int(out, json_integer_value(v));
        break;
    case JSON_REAL:
        token_double(out, json_real_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        token_mark(out, json_is_true(v) ? 't' : 'f');
        break;
    case JSON_NULL:
        token_mark(out, 'n');
        break;
    default:
        write_container(v, out);
    }
}

bool jansson_tokens(const void *data, size_t size, struct strbuf *out)
{
    json_t *root = json_loadb(data, size, FLAGS | JSON_REJECT_DUPLICATES, NULL);

    if (!root)
        return false;
    write_value(root, out);
    json_decref(root);
    return true;
}

bool jansson_repeats(const void *data, size_t size)
{
    json_error_t error;
    json_t *root =
        json_loadb(data, size, FLAGS | JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES, &error);

    json_decref(root);
    return !root && json_error_code(&error) == json_error_duplicate_key;
}

/* ---- looking into a document ---- */

struct jansson *jansson_open(const void *data, size_t size)
{
    return (struct jansson *)json_loadb(data, size, FLAGS | JSON_DECODE_INT_AS_REAL, NULL);
}

void jansson_close(struct jansson *doc)
{
    json_decref((json_t *)doc);
}

static json_t *find(struct jansson *doc, const char *pointer)
{
    json_t *v = (json_t *)doc;

    while (v && *pointer) {
        size_t len = strcspn(++pointer, "/");

        v = json_object_getn(v, pointer, len);
        pointer += len;
    }
    return v;
}

struct jansson_value jansson_at(struct jansson *doc, const char *pointer)
{
    static const enum jansson_kind kinds[] = {
        [JSON_OBJECT] = JANSSON_OBJECT, [JSON_ARRAY] = JANSSON_ARRAY,
        [JSON_STRING] = JANSSON_STRING, [JSON_REAL] = JANSSON_NUMBER,
        [JSON_TRUE] = JANSSON_BOOL,     [JSON_FALSE] = JANSSON_BOOL,
        [JSON_NULL] = JANSSON_NULL,
    };
    json_t *v = find(doc, pointer);

    if (!v)
        return (struct jansson_value){ .kind = JANSSON_NONE };
    return (struct jansson_value){ .kind = kinds[json_typeof(v)],
                                   .text = json_is_string(v) ? text_of(v) : SPAN_NONE,
                                   .number = json_number_value(v) };
}

static size_t depth_of(json_t *v);

static void deepen(size_t *deepest, json_t *member)
{
    size_t depth = depth_of(member);

    *deepest = MAX(*deepest, depth);
}

static size_t depth_of(json_t *v)
{
    const char *key;
    size_t deepest = 0, i;
    json_t *member;

    json_array_foreach(v, i, member) deepen(&deepest, member);
    json_object_foreach(v, key, member) deepen(&deepest, member);
    return deepest + (json_array_size(v) + json_object_size(v) > 0);
}

size_t jansson_depth(struct jansson *doc)
{
    return depth_of((json_t *)doc);
}

static bool has_nul(json_t *v)
{
    const char *key;
    size_t i;
    json_t *member;

    if (json_is_string(v))
        return memchr(json_string_value(v), '\0', json_string_length(v)) != NULL;
    json_array_foreach(v, i, member) if (has_nul(member)) return true;
    json_object_foreach(v, key, member) if (has_nul(member)) return true;
    return false;
}

bool jansson_has_nul(struct jansson *doc)
{
    return has_nul((json_t *)doc);
}

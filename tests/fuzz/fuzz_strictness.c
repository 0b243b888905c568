/* The parser against jansson, an independent one: both accept a document or both refuse it, and
 * what they accept holds the same values. Where they differ it is by our contract: an integer that
 * fits no 64 bits is refused here. */
#include "fuzz.h"
#include "jansson_view.h"
#include "scan_integers.h"

#define DEPTH 1000
#define TOKEN_BYTES_MAX ((size_t)64 << 20)

static bool ours(struct span text, struct json_value *ret_root)
{
    static struct json_parser *parser;
    const char *error = NULL;
    int r;

    if (!parser)
        parser = json_parser_new(1 << 20, DEPTH);
    EXPECT(parser);
    r = json_parse(parser, text, ret_root, &error);
    EXPECT(r == 0 || error);
    return r == 0;
}

/* The limits of nesting lie at other depths. */
static bool too_deep(const uint8_t *data, size_t size)
{
    size_t brackets = 0;

    for (size_t i = 0; i < size; i++)
        brackets += data[i] == '[' || data[i] == '{';
    return brackets >= DEPTH;
}

static void write_value(struct json_value v, struct strbuf *out);

static void write_container(struct json_value v, bool object, struct strbuf *out)
{
    struct json_iter it = json_iterate(v);
    struct json_value member;
    struct span key;

    token_mark(out, object ? '{' : '[');
    while (json_next(&it, &key, &member)) {
        if (object)
            token_text(out, key);
        write_value(member, out);
    }
    token_mark(out, object ? '}' : ']');
}

static void write_value(struct json_value v, struct strbuf *out)
{
    switch (json_kind_of(v)) {
    case JSON_NULL:
        token_mark(out, 'n');
        break;
    case JSON_BOOL:
        token_mark(out, json_bool_of(v) ? 't' : 'f');
        break;
    case JSON_INT:
        token_int(out, json_int_of(v));
        break;
    case JSON_STRING:
        token_text(out, json_string_of(v));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        write_container(v, json_kind_of(v) == JSON_OBJECT, out);
        break;
    default:
        token_double(out, json_double_of(v));
    }
}

static void check_values(const uint8_t *data, size_t size, struct json_value root)
{
    _cleanup_strbuf_ struct strbuf mine, theirs;

    strbuf_init(&mine, TOKEN_BYTES_MAX);
    strbuf_init(&theirs, TOKEN_BYTES_MAX);
    if (!jansson_tokens(data, size, &theirs))
        return;
    write_value(root, &mine);
    EXPECT(span_eq(strbuf_span(&mine), strbuf_span(&theirs)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = fuzz_padded(data, size);
    struct json_value root;
    bool accepted;

    if (too_deep(data, size))
        return 0;
    accepted = ours(span_of(text, size), &root);
    if (size && memchr(data, '\0', size)) {
        EXPECT(!accepted); /* jansson overlooks one behind a number or a word */
        return 0;
    }
    switch (jansson_verdict(data, size)) {
    case VERDICT_ACCEPTED:
        EXPECT(accepted == !has_huge_integer(span_of(data, size)));
        break;
    case VERDICT_REFUSED:
        EXPECT(!accepted);
        break;
    case VERDICT_CANNOT_SAY:
        break;
    }
    if (accepted)
        check_values(data, size, root);
    return 0;
}

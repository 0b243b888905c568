/* The parser against jansson, an independent one: both accept a document or both refuse it. */
#include "fuzz.h"
#include "jansson_verdict.h"

#define DEPTH 1000

static bool ours(const uint8_t *data, size_t size)
{
    static struct json_parser *parser;
    _cleanup_free_ char *text = fuzz_padded(data, size);
    struct json_value root;
    const char *error;

    if (!parser)
        parser = json_parser_new(1 << 20, DEPTH);
    EXPECT(parser);
    return json_parse(parser, span_of(text, size), &root, &error) == 0;
}

/* The limits of nesting lie at other depths. */
static bool too_deep(const uint8_t *data, size_t size)
{
    size_t brackets = 0;

    for (size_t i = 0; i < size; i++)
        brackets += data[i] == '[' || data[i] == '{';
    return brackets >= DEPTH;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum verdict theirs;

    if (too_deep(data, size))
        return 0;
    if (size && memchr(data, '\0', size)) {
        EXPECT(!ours(data, size)); /* jansson overlooks one behind a number or a word */
        return 0;
    }
    theirs = jansson_verdict(data, size);
    EXPECT(theirs == VERDICT_CANNOT_SAY || ours(data, size) == (theirs == VERDICT_ACCEPTED));
    return 0;
}

/* Splitting in all three forms: no crash, as many elements as counted, elements in order inside the
 * body and holding every byte but white space and separators; undone, or refused, the body is as it
 * came but for its line breaks. Where the body is valid JSON, the frame must be accepted and the
 * elements be the members of the array. */
#include <errno.h>

#include "event/split.h"
#include "fuzz.h"

#define MAX_EVENTS 1000

static bool only_separators(const char *from, const char *to)
{
    for (; from < to; from++)
        if (!strchr("\xff \t\r\n", *from) || *from == '\0')
            return false;
    return true;
}

static bool came_so(const char *body, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)body[i] != data[i] && !(body[i] == ' ' && strchr("\r\n", data[i])))
            return false;
    return true;
}

static void check_form(enum split_form form, const uint8_t *data, size_t size)
{
    _cleanup_free_ char *body = fuzz_padded(data, size);
    const char *error = NULL, *behind = NULL;
    struct splitter s, begin;
    struct span element;
    size_t offset = 0, n = 0;
    int r = splitter_init(&s, form, body, size, MAX_EVENTS, &error, &offset);

    if (r < 0) {
        EXPECT(came_so(body, data, size));
        EXPECT(r == -EBADMSG || r == -ENODATA || r == -E2BIG);
        EXPECT(r != -EBADMSG || (error && offset <= size));
        return;
    }
    begin = s;
    for (; splitter_next(&s, &element); n++) {
        EXPECT(element.ptr >= body && element.ptr + element.len <= body + size);
        EXPECT(!behind || (element.ptr >= behind && only_separators(behind, element.ptr)));
        behind = element.ptr + element.len;
    }
    EXPECT(n == s.count && n >= 1 && n <= MAX_EVENTS);
    splitter_undo(&begin);
    EXPECT(came_so(body, data, size));
}

/* The array's elements, each parsed alone, are the elements of the array parsed whole. */
static void check_against_parser(const uint8_t *data, size_t size)
{
    static struct json_parser *whole, *alone;
    _cleanup_free_ char *text = fuzz_padded(data, size), *body = fuzz_padded(data, size);
    struct json_value root, value, single;
    struct json_iter it;
    struct splitter s;
    struct span element, key;
    const char *error;
    size_t offset;
    int r;

    if (!whole)
        whole = json_parser_new(1 << 20, 100);
    if (!alone)
        alone = json_parser_new(1 << 20, 100);
    EXPECT(whole && alone);
    if (json_parse(whole, span_of(text, size), &root, &error) < 0 ||
        json_kind_of(root) != JSON_ARRAY)
        return;
    r = splitter_init(&s, SPLIT_JSON, body, size, SIZE_MAX, &error, &offset);
    it = json_iterate(root);
    if (r == -ENODATA) {
        EXPECT(!json_next(&it, &key, &value));
        return;
    }
    EXPECT(r == 0);
    while (splitter_next(&s, &element)) {
        EXPECT(json_next(&it, &key, &value));
        EXPECT(json_parse(alone, element, &single, &error) == 0);
        EXPECT(json_kind_of(value) == json_kind_of(single));
    }
    EXPECT(!json_next(&it, &key, &value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_form(SPLIT_JSON, data, size);
    check_form(SPLIT_LINES, data, size);
    check_form(SPLIT_BULK, data, size);
    check_against_parser(data, size);
    return 0;
}

#include "load/answer.h"

#include <errno.h>
#include <stdio.h>

static uint64_t whole_number(struct json_value v)
{
    int64_t n = json_kind_of(v) == JSON_INT ? json_int_of(v) : 0;

    return n > 0 ? (uint64_t)n : 0;
}

static void note_error(struct answer *a, struct span pointer, struct span text)
{
    if (a->error[0] == '\0')
        (void)snprintf(a->error, sizeof(a->error), "%.*s%s%.*s", SPAN_ARG(pointer),
                       pointer.len ? ": " : "", SPAN_ARG(text));
}

static void read_error_entry(struct answer *a, struct json_value entry)
{
    struct span key, pointer = SPAN_NONE, text = SPAN_NONE;
    struct json_value value;

    if (json_kind_of(entry) != JSON_OBJECT)
        return;
    for (struct json_iter it = json_iterate(entry); json_next(&it, &key, &value);) {
        if (json_kind_of(value) != JSON_STRING)
            continue;
        if (span_eq(key, SPAN("pointer")))
            pointer = json_string_of(value);
        else if (span_eq(key, SPAN("error")))
            text = json_string_of(value);
    }
    note_error(a, pointer, text);
}

static void read_errors(struct answer *a, struct json_value list)
{
    struct span key;
    struct json_value entry;

    if (json_kind_of(list) != JSON_ARRAY)
        return;
    for (struct json_iter it = json_iterate(list); json_next(&it, &key, &entry);) {
        a->listed++;
        read_error_entry(a, entry);
    }
}

static void read_member(struct answer *a, struct span key, struct json_value value)
{
    if (span_eq(key, SPAN("processed")))
        a->processed = whole_number(value);
    else if (span_eq(key, SPAN("failed")))
        a->failed = whole_number(value);
    else if (span_eq(key, SPAN("duplicates")))
        a->duplicates = whole_number(value);
    else if (span_eq(key, SPAN("errors")))
        read_errors(a, value);
    else if (span_eq(key, SPAN("error")) && json_kind_of(value) == JSON_STRING)
        note_error(a, SPAN_NONE, json_string_of(value));
}

int answer_parse(struct json_parser *parser, struct span body, struct answer *ret)
{
    struct answer a = { 0 };
    struct json_value root, value;
    struct span key;
    const char *why;

    if (json_parse(parser, body, &root, &why) < 0 || json_kind_of(root) != JSON_OBJECT)
        return -EBADMSG;
    for (struct json_iter it = json_iterate(root); json_next(&it, &key, &value);)
        read_member(&a, key, value);
    *ret = a;
    return 0;
}

/* Reads the one flat object with at most one object in it that a PubAck is: the members' names are
 * unique over both, so that nesting needs no stack. Escapes stay as they are: the text is for
 * people. */
#include "bus/pub_ack.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/number.h"

struct member {
    struct span key;
    struct span
        value; /* a string's content, or the text of a number or word; empty for an object */
};

static void skip(struct span *s, size_t n)
{
    s->ptr += n;
    s->len -= n;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_filler(char c)
{
    return is_white(c) || c == ',' || c == '{' || c == '}';
}

/* Takes a quoted string off *s. */
static bool take_string(struct span *s, struct span *ret)
{
    size_t i = 1;

    if (s->len == 0 || s->ptr[0] != '"')
        return false;
    while (i < s->len && s->ptr[i] != '"')
        i += s->ptr[i] == '\\' ? 2 : 1;
    if (i >= s->len)
        return false;
    *ret = span_of(s->ptr + 1, i - 1);
    skip(s, i + 1);
    return true;
}

static struct span take_word(struct span *s)
{
    struct span word = { s->ptr, 0 };

    while (s->len > 0 && !is_filler(s->ptr[0])) {
        word.len++;
        skip(s, 1);
    }
    return word;
}

static bool next_member(struct span *s, struct member *ret)
{
    while (s->len > 0 && is_filler(s->ptr[0]))
        skip(s, 1);
    if (!take_string(s, &ret->key))
        return false;
    while (s->len > 0 && (is_white(s->ptr[0]) || s->ptr[0] == ':'))
        skip(s, 1);
    if (s->len > 0 && s->ptr[0] == '"')
        return take_string(s, &ret->value);
    ret->value = take_word(s);
    return true;
}

void pub_ack_set(struct bus_result *ret, enum bus_outcome outcome, int code, const char *words)
{
    ret->outcome = outcome;
    ret->seq = 0;
    ret->error_code = code;
    (void)snprintf(ret->error, sizeof(ret->error), "%s", words);
}

void pub_ack_no_stream(struct bus_result *ret)
{
    pub_ack_set(ret, BUS_REFUSED, BUS_ERROR_NO_STREAM, "no stream takes this subject");
}

void pub_ack_parse(struct span json, struct bus_result *ret)
{
    struct span words = SPAN_NONE;
    struct member m;
    uint64_t seq = 0, code = 0;
    bool duplicate = false, error = false;

    while (next_member(&json, &m)) {
        if (span_eq(m.key, SPAN("error")))
            error = true;
        else if (span_eq(m.key, SPAN("description")))
            words = m.value;
        else if (span_eq(m.key, SPAN("duplicate")))
            duplicate = span_eq(m.value, SPAN("true"));
        else if ((span_eq(m.key, SPAN("seq")) && parse_u64(m.value, &seq) < 0) ||
                 (span_eq(m.key, SPAN("err_code")) && parse_u64(m.value, &code) < 0))
            break;
    }
    if (error) {
        pub_ack_set(ret, BUS_REFUSED, code <= INT_MAX ? (int)code : 0, "");
        (void)snprintf(ret->error, sizeof(ret->error), "%.*s", SPAN_ARG(words));
    } else if (seq == 0) {
        pub_ack_set(ret, BUS_UNKNOWN, 0, "the server's ack names no sequence");
    } else {
        pub_ack_set(ret, duplicate ? BUS_DUPLICATE : BUS_STORED, 0, "");
        ret->seq = seq;
    }
}

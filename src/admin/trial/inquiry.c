#include "admin/trial/inquiry.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "load/http_load.h"

#define ANSWER_MAX_BYTES ((size_t)4 << 20)
#define ANSWER_DEPTH_MAX 16
#define ANSWER_TIMEOUT_USEC (30 * UINT64_C(1000000))
#define URL_MAX 1024

int inquiry_init(struct inquiry *r)
{
    *r = (struct inquiry){ .parser = json_parser_new(ANSWER_MAX_BYTES, ANSWER_DEPTH_MAX) };
    strbuf_init(&r->text, ANSWER_MAX_BYTES + JSON_PADDING);
    return r->parser ? 0 : -ENOMEM;
}

void inquiry_release(struct inquiry *r)
{
    strbuf_release(&r->text);
    (void)json_parser_free(r->parser);
}

static bool member(struct json_value object, const char *name, struct json_value *ret)
{
    struct json_value value;
    struct span key;

    if (!name || json_kind_of(object) != JSON_OBJECT)
        return false;
    for (struct json_iter it = json_iterate(object); json_next(&it, &key, &value);) {
        if (!span_eq(key, span_str(name)))
            continue;
        *ret = value;
        return true;
    }
    return false;
}

static int read_answer(struct inquiry *r, const char *url, long status, struct strbuf *err)
{
    struct json_value root;
    const char *why;

    if (status == 0)
        return -EIO;
    if (status == 200 && strbuf_reserve(&r->text, JSON_PADDING) == 0 &&
        json_parse(r->parser, strbuf_span(&r->text), &root, &why) == 0 &&
        member(root, "data", &r->data))
        return 0;
    strbuf_setf(err, "%s: HTTP %ld: %.200s", url, status, r->text.ptr);
    return -EIO;
}

int inquiry_get(struct inquiry *r, const char *reporter, const char *name, int64_t from_usec,
                int64_t to_usec, const char *more, struct strbuf *err)
{
    char url[URL_MAX], from[TIMESTAMP_TEXT_MAX], to[TIMESTAMP_TEXT_MAX];
    long status = 0;
    int result;

    (void)timestamp_format(from_usec, from);
    (void)timestamp_format(to_usec, to);
    (void)snprintf(url, sizeof(url), "%s/reports/%s?from=%s&to=%s%s", reporter, name, from, to,
                   more);
    strbuf_reset(&r->text);
    result = http_get(url, ANSWER_TIMEOUT_USEC, &status, &r->text, err);
    return result < 0 ? result : read_answer(r, url, status, err);
}

static double number_at(const struct inquiry *r, const char *first, const char *second)
{
    struct json_value v;

    if (!member(r->data, first, &v) || (second && !member(v, second, &v)))
        return 0;
    switch (json_kind_of(v)) {
    case JSON_INT:
    case JSON_UINT:
    case JSON_DOUBLE:
        return json_double_of(v);
    default:
        return 0;
    }
}

uint64_t inquiry_count(const struct inquiry *r, const char *first, const char *second)
{
    return (uint64_t)number_at(r, first, second);
}

/* Sums of a trial are far below 2^53 cents: the double next to the decimal rounds back to it. */
int64_t inquiry_cents(const struct inquiry *r, const char *first, const char *second)
{
    return llround(number_at(r, first, second) * 100);
}

uint64_t inquiry_sum(const struct inquiry *r, const char *first, const char *second)
{
    struct json_value object, value;
    struct span key;
    uint64_t sum = 0;

    if (!member(r->data, first, &object) || !member(object, second, &object) ||
        json_kind_of(object) != JSON_OBJECT)
        return 0;
    for (struct json_iter it = json_iterate(object); json_next(&it, &key, &value);)
        if (json_kind_of(value) == JSON_INT)
            sum += (uint64_t)json_int_of(value);
    return sum;
}

/* Query strings, and the report filters read from them. Decoding: as a second implementation does,
 * and every pair comes back when it is written with each byte escaped. Filters: what is accepted
 * keeps its bounds and comes back when the filter is written as a query; a refusal is one printable
 * line. */
#include <ctype.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "reporter/filter.h"
#include "service/http_private.h"

#define PAIRS_MAX 256
#define TEXT_MAX ((size_t)1 << 20)

struct pairs {
    struct span names[PAIRS_MAX], values[PAIRS_MAX];
    size_t count;
};

static int keep_pair(void *ctx, struct span name, struct span value)
{
    struct pairs *p = ctx;

    if (p->count == PAIRS_MAX)
        return 1;
    p->names[p->count] = name;
    p->values[p->count++] = value;
    return 0;
}

static int each(struct exchange *ex, struct span query, http_query_fn fn, void *ctx)
{
    ex->req.arena = &ex->arena;
    ex->query = query;
    return http_query_each(&ex->req, fn, ctx);
}

/* ---- decoding ---- */

static void decode_again(struct span raw, struct strbuf *out)
{
    for (size_t i = 0; i < raw.len;) {
        char hex[3] = { 0 };

        if (i + 3 <= raw.len)
            memcpy(hex, raw.ptr + i + 1, 2);
        if (raw.ptr[i] == '%' && isxdigit((unsigned char)hex[0]) &&
            isxdigit((unsigned char)hex[1])) {
            (void)strbuf_addc(out, (char)strtol(hex, NULL, 16));
            i += 3;
            continue;
        }
        (void)strbuf_addc(out, raw.ptr[i] == '+' ? ' ' : raw.ptr[i]);
        i++;
    }
}

static void check_half(struct span raw, struct span mine)
{
    _cleanup_strbuf_ struct strbuf expected;

    strbuf_init(&expected, TEXT_MAX);
    decode_again(raw, &expected);
    EXPECT(span_eq(strbuf_span(&expected), mine) && mine.ptr[mine.len] == '\0');
}

static void check_pairs(struct span query, const struct pairs *pairs)
{
    const char *end = query.ptr + query.len, *next;
    size_t n = 0;

    for (const char *at = query.ptr; at < end; at = next + 1) {
        const char *equals;

        next = memchr(at, '&', (size_t)(end - at));
        next = next ? next : end;
        equals = memchr(at, '=', (size_t)(next - at));
        if (next == at)
            continue;
        EXPECT(n < pairs->count);
        check_half(span_of(at, (size_t)((equals ? equals : next) - at)), pairs->names[n]);
        check_half(equals ? span_of(equals + 1, (size_t)(next - equals - 1)) : SPAN(""),
                   pairs->values[n++]);
    }
    EXPECT(n == pairs->count);
}

static void escape(struct strbuf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        (void)strbuf_addf(out, "%%%02x", (unsigned char)text.ptr[i]);
}

static void check_escaped(struct exchange *ex, const struct pairs *pairs)
{
    _cleanup_strbuf_ struct strbuf query;
    struct pairs again = { .count = 0 };

    strbuf_init(&query, 8 * TEXT_MAX);
    for (size_t i = 0; i < pairs->count; i++) {
        escape(&query, pairs->names[i]);
        (void)strbuf_addc(&query, '=');
        escape(&query, pairs->values[i]);
        (void)strbuf_addc(&query, '&');
    }
    EXPECT(each(ex, strbuf_span(&query), keep_pair, &again) == 0);
    EXPECT(again.count == pairs->count);
    for (size_t i = 0; i < pairs->count; i++)
        EXPECT(span_eq(again.names[i], pairs->names[i]) &&
               span_eq(again.values[i], pairs->values[i]));
}

/* ---- filters ---- */

static int take(void *ctx, struct span name, struct span value)
{
    return filter_parser_take(ctx, name, value);
}

static int parse(struct exchange *ex, enum report_kind kind, struct span query,
                 struct filter_parser *p, struct report_filter *filter, struct strbuf *err)
{
    int r;

    filter_parser_init(p, kind, "USD", filter, err);
    r = each(ex, query, take, p);
    return r < 0 ? r : filter_parser_finish(p);
}

static void check_refusal(const struct strbuf *err)
{
    EXPECT(err->len > 0 && strbuf_error(err) == 0);
    for (size_t i = 0; i < err->len;) {
        size_t n = utf8_sequence(err->ptr + i, err->len - i);

        EXPECT(n > 1 || (n == 1 && err->ptr[i] >= ' ' && err->ptr[i] != 0x7f));
        i += n;
    }
}

static void check_filter(enum report_kind kind, const struct report_filter *f)
{
    EXPECT(f->source >= -1 && f->source < SOURCE_COUNT);
    EXPECT(f->stage >= -1 && f->stage < STAGE_COUNT && (f->stage < 0 || kind == REPORT_EVENTS));
    EXPECT(f->type >= -1 && f->type < TYPE_COUNT && (f->type < 0 || kind == REPORT_EVENTS));
    EXPECT(!f->has_from || !f->has_to || f->from_usec <= f->to_usec);
    EXPECT(f->campaign_id.len <= EVENT_TEXT_MAX && json_utf8_valid(f->campaign_id));
    EXPECT(!f->campaign_id.ptr || kind == REPORT_REVENUE);
    for (size_t i = 0; i < strlen(f->currency); i++)
        EXPECT(strlen(f->currency) == 3 && isupper((unsigned char)f->currency[i]));
}

static void put(struct strbuf *out, const char *name, struct span value)
{
    (void)strbuf_addf(out, "&%s=", name);
    escape(out, value);
}

static void write_filter(struct strbuf *out, const struct report_filter *f)
{
    char when[TIMESTAMP_TEXT_MAX];

    if (f->has_from)
        put(out, "from", timestamp_format(f->from_usec, when));
    if (f->has_to)
        put(out, "to", timestamp_format(f->to_usec, when));
    if (f->source >= 0)
        put(out, "source", span_str(event_source_names[f->source]));
    if (f->stage >= 0)
        put(out, "funnelStage", span_str(event_stage_names[f->stage]));
    if (f->type >= 0)
        put(out, "eventType", span_str(event_type_names[f->type]));
    if (f->campaign_id.ptr)
        put(out, "campaignId", f->campaign_id);
    if (f->currency[0])
        put(out, "currency", span_str(f->currency));
}

static void check_same(const struct report_filter *a, const struct report_filter *b)
{
    EXPECT(a->has_from == b->has_from && a->from_usec == b->from_usec);
    EXPECT(a->has_to == b->has_to && a->to_usec == b->to_usec);
    EXPECT(a->source == b->source && a->stage == b->stage && a->type == b->type);
    EXPECT(span_eq(a->campaign_id, b->campaign_id) && strcmp(a->currency, b->currency) == 0);
}

static void check_report(struct exchange *ex, enum report_kind kind, struct span query)
{
    _cleanup_strbuf_ struct strbuf err, written;
    struct report_filter filter, again;
    struct filter_parser p, q;

    strbuf_init(&err, 2048);
    strbuf_init(&written, TEXT_MAX);
    if (parse(ex, kind, query, &p, &filter, &err) < 0) {
        check_refusal(&err);
        return;
    }
    check_filter(kind, &filter);
    write_filter(&written, &filter);
    EXPECT(parse(ex, kind, strbuf_span(&written), &q, &again, &err) == 0);
    check_same(&filter, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct exchange ex;
    static struct pairs pairs;
    struct span query = span_of(data ? data : (const uint8_t *)"", size);

    if (!ex.arena.cap)
        arena_init(&ex.arena, 4096, 64 << 20);
    pairs.count = 0;
    if (each(&ex, query, keep_pair, &pairs) == 0) {
        check_pairs(query, &pairs);
        check_escaped(&ex, &pairs);
    }
    for (int kind = 0; kind < REPORT_COUNT; kind++)
        check_report(&ex, (enum report_kind)kind, query);
    arena_reset(&ex.arena);
    return 0;
}

/* Times, amounts and numbers from text: what is accepted comes back when it is written and read
 * again. */
#include <errno.h>
#include <math.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "base/number.h"
#include "event/money.h"
#include "fuzz.h"

static void check_timestamp(struct span text)
{
    char buf[TIMESTAMP_TEXT_MAX];
    int64_t usec, again;
    struct span written;

    if (timestamp_parse(text, &usec) < 0)
        return;
    written = timestamp_format(usec, buf);
    /* An offset can carry year 0000 or 9999 over the edge of what RFC 3339 can write. */
    if (written.len > 27 || written.ptr[0] == '-')
        return;
    EXPECT(timestamp_parse(written, &again) == 0 && again == usec);
}

static void check_money(struct span text)
{
    _cleanup_strbuf_ struct strbuf sb;
    int64_t cents, again;

    strbuf_init(&sb, 64);
    if (money_parse(text, &cents) < 0)
        return;
    EXPECT(cents >= 0 && money_format(&sb, cents) == 0);
    EXPECT(money_parse(strbuf_span(&sb), &again) == 0 && again == cents);
}

static bool is_verdict(int r)
{
    return r == 0 || r == -EINVAL || r == -ERANGE;
}

static void check_numbers(struct span text)
{
    _cleanup_strbuf_ struct strbuf sb;
    double d, same;
    uint64_t u;
    uint32_t u32;
    int64_t i;
    bool flag;

    strbuf_init(&sb, 64);
    if (parse_i64(text, &i) == 0) {
        int64_t again;

        EXPECT(strbuf_addi64(&sb, i) == 0 && parse_i64(strbuf_span(&sb), &again) == 0 &&
               again == i);
    }
    EXPECT(is_verdict(parse_u64(text, &u)));
    EXPECT(is_verdict(parse_u32(text, &u32)));
    EXPECT(is_verdict(parse_size(text, &u)));
    EXPECT(is_verdict(parse_duration(text, &u)));
    EXPECT(is_verdict(parse_bool(text, &flag)));
    if (parse_double(text, &d) == 0) {
        struct json_out j;

        strbuf_reset(&sb);
        json_out_init(&j, &sb);
        json_double(&j, d);
        EXPECT(isfinite(d) && parse_double(strbuf_span(&sb), &same) == 0 && same == d);
    }
}

/* Any bytes become one line of valid JSON. */
static void check_quote(struct span text)
{
    static struct json_parser *parser;
    _cleanup_strbuf_ struct strbuf sb;
    struct json_value root;
    const char *error;

    if (!parser)
        parser = json_parser_new(1 << 20, 4);
    strbuf_init(&sb, 1 << 20);
    json_quote(&sb, text);
    EXPECT(parser && strbuf_reserve(&sb, JSON_PADDING) == 0);
    EXPECT(!memchr(sb.ptr, '\n', sb.len));
    EXPECT(json_parse(parser, strbuf_span(&sb), &root, &error) == 0);
    if (json_utf8_valid(text))
        EXPECT(span_eq(json_string_of(root), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);

    check_timestamp(text);
    check_money(text);
    check_numbers(text);
    check_quote(text);
    return 0;
}

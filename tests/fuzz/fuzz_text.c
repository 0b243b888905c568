/* Times, amounts and numbers from text: accepted and refused as another implementation does, with
 * the same value (reference.h), and what is accepted comes back when it is written and read again.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "base/number.h"
#include "event/money.h"
#include "fuzz.h"
#include "reference.h"

/* Written as the calendar of the C library has it, and read again as the same. */
static void check_written(int64_t usec)
{
    char buf[TIMESTAMP_TEXT_MAX], expected[REFERENCE_TIME_MAX];
    struct span written;
    int64_t again;

    if (!reference_time_text(usec, expected))
        return;
    written = timestamp_format(usec, buf);
    EXPECT(written.len == (usec % 1000 ? 27 : 24) && written.ptr[written.len - 1] == 'Z');
    EXPECT(strncmp(buf, expected, written.len - 1) == 0);
    EXPECT(timestamp_parse(written, &again) == 0 && again == usec);
}

static void check_timestamp(struct span text)
{
    int64_t usec, expected, any;
    int r = timestamp_parse(text, &usec);

    EXPECT((r == 0) == reference_time(text, &expected));
    if (r == 0) {
        EXPECT(usec == expected);
        check_written(usec);
    }
    if (text.len >= sizeof(any)) {
        memcpy(&any, text.ptr, sizeof(any));
        check_written(any >> 4); /* half of them within four digits of a year */
    }
}

static void check_money(struct span text)
{
    _cleanup_strbuf_ struct strbuf sb;
    char expected[REFERENCE_DIGITS_MAX], digits[REFERENCE_DIGITS_MAX];
    int64_t cents, again;
    int r = money_parse(text, &cents);

    strbuf_init(&sb, 64);
    EXPECT((r == 0) == reference_money(text, expected));
    if (r < 0)
        return;
    (void)snprintf(digits, sizeof(digits), "%" PRId64, cents);
    EXPECT(strcmp(digits, expected) == 0);
    EXPECT(money_format(&sb, cents) == 0);
    EXPECT(money_parse(strbuf_span(&sb), &again) == 0 && again == cents);
}

static void check_unsigned(struct span text)
{
    static const struct {
        int (*read)(struct span text, uint64_t *ret);
        int (*reference)(struct span text, uint64_t *ret);
    } pairs[] = { { parse_u64, reference_u64 },
                  { parse_size, reference_size },
                  { parse_duration, reference_duration } };

    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        uint64_t value = 0, expected = 0;
        int r = pairs[i].read(text, &value);

        EXPECT(r == pairs[i].reference(text, &expected) && value == expected);
    }
}

static void check_integers(struct span text)
{
    _cleanup_strbuf_ struct strbuf sb;
    int64_t i = 0, expected = 0, again;
    uint64_t u;
    uint32_t u32;
    int r = parse_i64(text, &i);

    strbuf_init(&sb, 64);
    EXPECT(r == reference_i64(text, &expected) && i == expected);
    if (r == 0) {
        EXPECT(strbuf_addi64(&sb, i) == 0);
        EXPECT(parse_i64(strbuf_span(&sb), &again) == 0 && again == i);
    }
    r = reference_u64(text, &u);
    if (r == 0 && u > UINT32_MAX)
        r = -ERANGE;
    EXPECT(parse_u32(text, &u32) == r && (r < 0 || u32 == u));
}

static void check_others(struct span text)
{
    _cleanup_strbuf_ struct strbuf sb;
    struct json_out j;
    double d, same;
    bool flag;

    strbuf_init(&sb, 64);
    if (parse_bool(text, &flag) == 0)
        EXPECT(text.len >= 1 && text.len <= 5);
    if (parse_double(text, &d) < 0)
        return;
    json_out_init(&j, &sb);
    json_double(&j, d);
    EXPECT(isfinite(d) && parse_double(strbuf_span(&sb), &same) == 0 && same == d);
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
    check_unsigned(text);
    check_integers(text);
    check_others(text);
    check_quote(text);
    return 0;
}

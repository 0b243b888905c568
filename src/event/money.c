#include "event/money.h"

#include <errno.h>
#include <stddef.h>

#define WHOLE_DIGITS_MAX 15
#define FRACTION_DIGITS 2

/* Takes the digits at the front of *s into *value, one more than `max` at most; returns how many.
 */
static size_t take_digits(struct span *s, size_t max, int64_t *value)
{
    size_t n = 0;

    while (n < s->len && n <= max && s->ptr[n] >= '0' && s->ptr[n] <= '9')
        *value = *value * 10 + (s->ptr[n++] - '0');
    *s = span_of(s->ptr + n, s->len - n);
    return n;
}

int money_parse(struct span text, int64_t *ret_cents)
{
    int64_t value = 0;
    size_t whole = take_digits(&text, WHOLE_DIGITS_MAX, &value), fraction = 0;

    if (whole == 0 || whole > WHOLE_DIGITS_MAX)
        return -EBADMSG;
    if (text.len && text.ptr[0] == '.') {
        text = span_of(text.ptr + 1, text.len - 1);
        fraction = take_digits(&text, FRACTION_DIGITS, &value);
        if (fraction == 0 || fraction > FRACTION_DIGITS)
            return -EBADMSG;
    }
    if (text.len)
        return -EBADMSG;
    for (; fraction < FRACTION_DIGITS; fraction++)
        value *= 10;
    *ret_cents = value;
    return 0;
}

int money_format(struct strbuf *sb, int64_t cents)
{
    uint64_t abs = cents < 0 ? 0 - (uint64_t)cents : (uint64_t)cents;
    unsigned fraction = (unsigned)(abs % 100);

    if (cents < 0)
        (void)strbuf_addc(sb, '-');
    (void)strbuf_addu64(sb, abs / 100);
    (void)strbuf_addc(sb, '.');
    (void)strbuf_addc(sb, (char)('0' + fraction / 10));
    return strbuf_addc(sb, (char)('0' + fraction % 10));
}

#include "event/money.h"

#include <errno.h>
#include <stddef.h>

#define WHOLE_DIGITS_MAX 15
#define FRACTION_DIGITS 2

/* Takes the digits at the front of *s into *value; returns how many there were. */
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
    size_t n = take_digits(&text, WHOLE_DIGITS_MAX, &value);

    if (n == 0 || n > WHOLE_DIGITS_MAX)
        return -EBADMSG;
    n = FRACTION_DIGITS;
    if (text.len && text.ptr[0] == '.') {
        text = span_of(text.ptr + 1, text.len - 1);
        n = FRACTION_DIGITS - take_digits(&text, FRACTION_DIGITS, &value);
        if (n >= FRACTION_DIGITS)
            return -EBADMSG;
    }
    if (text.len)
        return -EBADMSG;
    for (; n > 0; n--)
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

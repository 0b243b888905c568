#include "store/report_money.h"

#include <errno.h>
#include <stdbool.h>

#define DIGITS_MAX 36 /* more would not fit */
#define TEXT_MAX_BYTES 48

int report_money_parse(struct span text, report_money *ret)
{
    bool negative = text.len && text.ptr[0] == '-';
    report_money v = 0;
    int digits = 0, decimals = -1;

    for (size_t i = negative; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '.' && decimals < 0 && digits) {
            decimals = 0;
            continue;
        }
        if (c < '0' || c > '9' || ++digits > DIGITS_MAX || (decimals >= 0 && ++decimals > 2))
            return -EINVAL;
        v = v * 10 + (c - '0');
    }
    if (!digits || decimals == 0)
        return -EINVAL;
    for (int d = MAX(decimals, 0); d < 2; d++)
        v *= 10;
    *ret = negative ? -v : v;
    return 0;
}

void report_money_write(struct json_out *j, report_money cents)
{
    unsigned __int128 rest = cents < 0 ? -(unsigned __int128)cents : (unsigned __int128)cents;
    char text[TEXT_MAX_BYTES], *p = text + sizeof(text);

    for (int i = 0; i < 3 || rest; i++) {
        if (i == 2)
            *--p = '.';
        *--p = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (cents < 0)
        *--p = '-';
    json_raw(j, span_of(p, (size_t)(text + sizeof(text) - p)));
}

/* Percent-decoding, exact to the byte: what MHD offers loses %00 and what follows it. */
#include <errno.h>

#include "service/http_private.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int http_decode(struct arena *a, struct span raw, bool plus_is_space, struct span *ret)
{
    char *out = arena_alloc(a, raw.len + 1);
    size_t n = 0;

    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        int high = c == '%' && i + 2 < raw.len ? hex_digit(raw.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(raw.ptr[i + 2]) : -1;

        if (low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        } else if (plus_is_space && c == '+') {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    *ret = span_of(out, n);
    return 0;
}

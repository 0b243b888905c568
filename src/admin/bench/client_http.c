#include "admin/bench/client_http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"

#define LENGTH_DIGITS 10

static int write_get(const struct client_options *options, struct strbuf *out)
{
    int r;

    strbuf_reset(out);
    (void)strbuf_adds(out, "GET ");
    r = options->target(options->ctx, out);
    (void)strbuf_addf(out, " HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n",
                      options->headers ? options->headers : "");
    return r < 0 ? r : strbuf_error(out);
}

/* The length of the body is known when it stands behind its headers: they hold room for it, in
 * spaces, and nothing is copied twice. */
static int write_post(const struct client_options *options, struct strbuf *out)
{
    static const char end[] = "\r\n\r\n";
    char length[LENGTH_DIGITS + 1];
    size_t body_at;
    int r;

    strbuf_reset(out);
    r = strbuf_addf(out,
                    "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                    "%sContent-Length: %*s%s",
                    options->path, options->headers ? options->headers : "", LENGTH_DIGITS, "",
                    end);
    body_at = out->len;
    if (r == 0)
        r = options->body(options->ctx, out);
    if (r < 0)
        return r;
    (void)snprintf(length, sizeof(length), "%*zu", LENGTH_DIGITS, out->len - body_at);
    memcpy(out->ptr + body_at - strlen(end) - LENGTH_DIGITS, length, LENGTH_DIGITS);
    return 0;
}

int client_write_request(const struct client_options *options, struct strbuf *out)
{
    return options->target ? write_get(options, out) : write_post(options, out);
}

int client_answer(const char *in, size_t len, size_t most, uint64_t *ret_body)
{
    const char *end = memmem(in, len, "\r\n\r\n", 4), *at;
    uint64_t length = 0;
    uint32_t status;
    size_t header;

    if (!end)
        return len == most ? -EMSGSIZE : 0;
    if (len < 12 || parse_u32(span_of(in + 9, 3), &status) < 0)
        return -EBADMSG;
    for (at = in; at < end;) {
        static const char name[] = "\r\ncontent-length:";
        const char *next = memmem(at + 1, (size_t)(end + 2 - at - 1), "\r\n", 2);

        if ((size_t)(end - at) > sizeof(name) && strncasecmp(at, name, sizeof(name) - 1) == 0) {
            const char *value = at + sizeof(name) - 1;
            if (parse_u64(span_trim(span_of(value, (size_t)(next - value))), &length) < 0)
                return -EBADMSG;
        }
        at = next ? next : end;
    }
    header = (size_t)(end + 4 - in);
    if (length > most - header)
        return -EMSGSIZE;
    if (len < header + length)
        return 0;
    *ret_body = length;
    return (int)status;
}

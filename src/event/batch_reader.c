/* Context lines are read in the one form that the writer gives them (batch.h): no general parser,
 * and whatever else stands there is a broken frame. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "event/batch.h"

void batch_reader_init(struct batch_reader *r, struct span payload)
{
    *r = (struct batch_reader){ .at = payload.ptr, .end = payload.ptr + payload.len };
}

/* The bytes up to the next LF, which is passed over. */
static struct span take_line(struct batch_reader *r)
{
    const char *begin = r->at;
    const char *lf = memchr(begin, '\n', (size_t)(r->end - begin));

    r->at = lf ? lf + 1 : r->end;
    return span_of(begin, (size_t)((lf ? lf : r->end) - begin));
}

static bool take_text(struct span *line, struct span text)
{
    if (line->len < text.len || memcmp(line->ptr, text.ptr, text.len) != 0)
        return false;
    *line = span_of(line->ptr + text.len, line->len - text.len);
    return true;
}

/* A correlation id is printable ASCII, of which JSON escapes two characters, each by a backslash.
 * The opening quote is taken already; the closing one is taken here. */
static bool take_correlation(struct span *line, char buf[BATCH_CORRELATION_MAX],
                             struct span *ret_text)
{
    size_t n = 0, i = 0;

    for (; i < line->len && line->ptr[i] != '"' && n < BATCH_CORRELATION_MAX; i++) {
        bool escaped = line->ptr[i] == '\\';

        i += escaped;
        if (i >= line->len || (escaped && line->ptr[i] != '"' && line->ptr[i] != '\\'))
            return false;
        buf[n++] = line->ptr[i];
    }
    if (i >= line->len || line->ptr[i] != '"')
        return false;
    *ret_text = n == i ? span_of(line->ptr, n) : span_of(buf, n);
    *line = span_of(line->ptr + i + 1, line->len - i - 1);
    return true;
}

static int read_context(struct batch_reader *r)
{
    struct span line = take_line(r), when;
    struct batch_run run;

    if (!take_text(&line, SPAN("{\"correlationId\":\"")) ||
        !take_correlation(&line, r->unescaped, &run.correlation_id) ||
        !take_text(&line, SPAN(",\"receivedAt\":\"")) || !span_split(&line, '"', &when) ||
        timestamp_parse(when, &run.received_usec) < 0 || !take_text(&line, SPAN(",\"count\":")) ||
        line.len == 0 || line.ptr[line.len - 1] != '}')
        return -EBADMSG;
    line.len--;
    if (parse_u32(span_trim(line), &run.count) < 0)
        return -EBADMSG;
    r->run = run;
    r->left = run.count;
    return 0;
}

int batch_reader_next(struct batch_reader *r, struct span *ret_line)
{
    while (r->left == 0) {
        int res;

        if (r->at == r->end)
            return 0;
        res = read_context(r);
        if (res < 0)
            return res;
    }
    if (r->at == r->end)
        return -EBADMSG;
    *ret_line = take_line(r);
    r->left--;
    r->index++;
    return 1;
}

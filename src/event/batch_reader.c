/* Context lines are read in the one form that the writer gives them (batch.h): no general parser,
 * and whatever else stands there is a broken frame. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "event/batch.h"

void batch_reader_init(struct batch_reader *r, struct span payload, struct arena *arena)
{
    *r = (struct batch_reader){
        .at = payload.ptr,
        .end = payload.len ? payload.ptr + payload.len : payload.ptr,
        .arena = arena,
    };
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

/* The length of the escaped text before the closing quote; -EBADMSG when it has none. */
static int escaped_length(struct span line, size_t *ret_len, bool *ret_escapes)
{
    size_t i = 0;

    *ret_escapes = false;
    while (i < line.len && line.ptr[i] != '"') {
        bool escape = line.ptr[i] == '\\';

        *ret_escapes |= escape;
        i += escape ? 2 : 1;
    }
    if (i >= line.len)
        return -EBADMSG;
    *ret_len = i;
    return 0;
}

/* A correlation id is printable ASCII, of which JSON escapes two characters, each by a backslash.
 */
static int unescape(struct batch_reader *r, struct span escaped, struct span *ret_text)
{
    char *text;
    size_t n = 0;

    if (escaped.len > 2 * BATCH_CORRELATION_MAX)
        return -EBADMSG;
    text = arena_alloc(r->arena, escaped.len);
    if (!text)
        return -ENOMEM;
    for (size_t i = 0; i < escaped.len; i++) {
        if (escaped.ptr[i] == '\\') {
            i++;
            if (escaped.ptr[i] != '"' && escaped.ptr[i] != '\\')
                return -EBADMSG;
        }
        text[n++] = escaped.ptr[i];
    }
    *ret_text = span_of(text, n);
    return 0;
}

/* The opening quote is taken already; the closing one is taken here. */
static int take_correlation(struct batch_reader *r, struct span *line, struct span *ret_text)
{
    struct span text;
    bool escapes;
    size_t len;
    int res = escaped_length(*line, &len, &escapes);

    if (res < 0)
        return res;
    text = span_of(line->ptr, len);
    *line = span_of(line->ptr + len + 1, line->len - len - 1);
    if (escapes) {
        res = unescape(r, text, &text);
        if (res < 0)
            return res;
    }
    if (text.len > BATCH_CORRELATION_MAX)
        return -EBADMSG;
    *ret_text = text;
    return 0;
}

static bool take_total(struct span text, int64_t *ret)
{
    uint32_t value;

    if (parse_u32(text, &value) < 0 || value > INT32_MAX)
        return false;
    *ret = value;
    return true;
}

/* What stands between the count and the end of the line, if anything does. */
static bool take_totals(struct span rest, struct batch_run *run)
{
    struct span accepted;

    run->accepted = run->rejected = -1;
    if (!rest.ptr)
        return true;
    return take_text(&rest, SPAN("\"accepted\":")) && span_split(&rest, ',', &accepted) &&
           take_total(accepted, &run->accepted) && take_text(&rest, SPAN("\"rejected\":")) &&
           take_total(rest, &run->rejected);
}

static int read_context(struct batch_reader *r)
{
    struct span line = take_line(r), when, count;
    struct batch_run run;
    int res;

    if (!take_text(&line, SPAN("{\"correlationId\":\"")))
        return -EBADMSG;
    res = take_correlation(r, &line, &run.correlation_id);
    if (res < 0)
        return res;
    if (!take_text(&line, SPAN(",\"receivedAt\":\"")) || !span_split(&line, '"', &when) ||
        timestamp_parse(when, &run.received_usec) < 0 || !take_text(&line, SPAN(",\"count\":")) ||
        line.len == 0 || line.ptr[line.len - 1] != '}')
        return -EBADMSG;
    line.len--;
    if (!span_split(&line, ',', &count) || parse_u32(span_trim(count), &run.count) < 0 ||
        !take_totals(line, &run))
        return -EBADMSG;
    r->run = run;
    r->left = run.count;
    r->runs++;
    return 0;
}

int batch_reader_next(struct batch_reader *r, struct span *ret_line)
{
    while (r->left == 0) {
        const char *line = r->at;
        int res;

        if (r->at == r->end)
            return 0;
        res = read_context(r);
        if (res < 0) {
            r->at = line;
            return res;
        }
    }
    if (r->at == r->end)
        return -EBADMSG;
    *ret_line = take_line(r);
    r->left--;
    r->index++;
    return 1;
}

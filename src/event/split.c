/* One pass over the masks of scan.h holds brackets against each other, counts, and marks where the
 * events part; the second, as the caller asks for elements, only looks for the marks. */
#include "event/split.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "event/json.h"
#include "event/split_frame.h"

#define NO_EVENTS_MEMBER "expected {\"events\":[...]}"

/* Stands for a comma between events. No UTF-8 has it (RFC 3629, 1), and the body was checked. */
#define MARK 0xff

/* Runs behind the array whose bracket the scan gives next; its elements lie in s->at .. s->end. */
static int split_array(struct frame *f, size_t max_events, struct splitter *s)
{
    char *at;
    int r;

    s->at = frame_open(f);
    s->count = 1;
    while ((r = frame_step(f, &at)) > 0) {
        if (++s->count > max_events)
            return -E2BIG;
        *at = (char)MARK;
    }
    if (r < 0)
        return r;
    s->end = at;
    if (frame_skip_white(s->at, s->end) == s->end)
        s->count = 0;
    return 0;
}

static int split_json(struct frame *f, size_t max_events, struct splitter *s)
{
    char *first = frame_skip_white(f->body, f->scan.end), *close;
    int r;

    if (*first == '[') {
        s->shape = SHAPE_MANY;
        r = split_array(f, max_events, s);
        return r < 0 ? r : frame_end(f, s->end + 1);
    }
    if (*first != '{')
        return frame_fail(f, "expected an object or an array of events", first);
    (void)frame_open(f);
    r = frame_close(f, &close);
    if (r < 0)
        return r;
    s->shape = SHAPE_SINGLE;
    s->count = 1;
    s->at = first;
    s->end = close + 1;
    return frame_end(f, s->end);
}

/* "key" and colon at `at`; returns where the value begins, or NULL. */
static char *take_key(char *at, char *end, struct span *ret_key)
{
    char *begin;

    at = frame_skip_white(at, end);
    if (at == end || *at != '"')
        return NULL;
    begin = ++at;
    while (at < end && *at != '"')
        at += *at == '\\' ? 2 : 1;
    if (at >= end)
        return NULL;
    *ret_key = span_of(begin, (size_t)(at - begin));
    at = frame_skip_white(at + 1, end);
    return at < end && *at == ':' ? frame_skip_white(at + 1, end) : NULL;
}

/* One member of the bulk object, from `at` to the comma behind it (1) or the closing brace (0). */
static int bulk_member(struct frame *f, size_t max_events, struct splitter *s, char **at)
{
    struct span key;
    char *value = take_key(*at, f->scan.end, &key), *rest;
    bool events;
    int r;

    if (!value)
        return frame_fail(f, NO_EVENTS_MEMBER, *at);
    events = span_eq(key, SPAN("events"));
    if (events) {
        if (s->at)
            return frame_fail(f, "the member \"events\" is given twice", *at);
        if (value == f->scan.end || *value != '[')
            return frame_fail(f, NO_EVENTS_MEMBER, value);
        r = split_array(f, max_events, s);
        if (r < 0)
            return r;
        value = s->end + 1;
    }
    r = frame_step(f, at);
    if (r < 0)
        return r;
    rest = frame_skip_white(value, *at);
    if (events && rest != *at)
        return frame_fail(f, NO_EVENTS_MEMBER, rest);
    *at += 1;
    return r;
}

static int split_bulk(struct frame *f, size_t max_events, struct splitter *s)
{
    char *at = frame_skip_white(f->body, f->scan.end), *open;
    int r;

    if (*at != '{')
        return frame_fail(f, NO_EVENTS_MEMBER, at);
    open = at;
    at = frame_open(f);
    s->shape = SHAPE_MANY;
    do {
        r = bulk_member(f, max_events, s, &at);
    } while (r > 0);
    if (r < 0)
        return r;
    if (!s->at)
        return frame_fail(f, NO_EVENTS_MEMBER, open);
    return frame_end(f, at);
}

/* The next line that is not empty, or false. */
static bool take_line(struct splitter *s, struct span *ret_line)
{
    while (s->at < s->end) {
        char *lf = memchr(s->at, '\n', (size_t)(s->end - s->at));
        char *line_end = lf ? lf : s->end;

        *ret_line = span_trim(span_of(s->at, (size_t)(line_end - s->at)));
        s->at = lf ? lf + 1 : s->end;
        if (ret_line->len)
            return true;
    }
    return false;
}

static int split_lines(struct frame *f, size_t max_events, struct splitter *s)
{
    struct span line;

    s->shape = SHAPE_MANY;
    s->at = f->body;
    s->end = f->scan.end;
    while (take_line(s, &line))
        if (++s->count > max_events)
            return -E2BIG;
    s->at = f->body;
    return 0;
}

static int check_encoding(struct frame *f, size_t len)
{
    size_t at = 0, n;

    if (len >= 3 && memcmp(f->body, "\xef\xbb\xbf", 3) == 0)
        return frame_fail(f, "the body begins with a byte-order mark", f->body);
    if (json_utf8_valid(span_of(f->body, len)))
        return 0;
    while ((n = utf8_sequence(f->body + at, len - at)))
        at += n;
    return frame_fail(f, "invalid UTF-8", f->body + at);
}

static int split_frame(struct frame *f, size_t max_events, struct splitter *s)
{
    switch (s->form) {
    case SPLIT_JSON:
        return split_json(f, max_events, s);
    case SPLIT_LINES:
        return split_lines(f, max_events, s);
    case SPLIT_BULK:
        return split_bulk(f, max_events, s);
    }
    return -EINVAL;
}

static void unmark(char *at, const char *end)
{
    while (at < end && (at = memchr(at, MARK, (size_t)(end - at))))
        *at++ = ',';
}

int splitter_init(struct splitter *s, enum split_form form, char *body, size_t len,
                  size_t max_events, const char **ret_error, size_t *ret_offset)
{
    struct frame f = { .body = body, .scan.end = body + len };
    struct splitter out = { .form = form };
    int r;

    r = check_encoding(&f, len);
    if (r == 0 && frame_skip_white(body, body + len) == body + len)
        return -ENODATA;
    if (r == 0 && form != SPLIT_LINES)
        scan_start(&f.scan, body, body + len);
    if (r == 0) {
        r = split_frame(&f, max_events, &out);
        if (r < 0)
            unmark(body, body + len);
    }
    if (r == -EBADMSG) {
        *ret_error = f.error;
        *ret_offset = (size_t)(f.error_at - body);
    }
    if (r < 0)
        return r;
    if (out.count == 0)
        return -ENODATA;
    *s = out;
    return 0;
}

bool splitter_next(struct splitter *s, struct span *ret_element)
{
    char *end;

    if (s->form == SPLIT_LINES)
        return take_line(s, ret_element);
    if (s->done)
        return false;
    end = memchr(s->at, MARK, (size_t)(s->end - s->at));
    s->done = !end;
    if (s->done)
        end = s->end;
    *ret_element = span_trim(span_of(s->at, (size_t)(end - s->at)));
    s->at = end + 1;
    return true;
}

void splitter_undo(const struct splitter *s)
{
    unmark(s->at, s->end);
}

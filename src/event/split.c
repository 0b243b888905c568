/* Two passes over the same masks (scan.h): the first holds brackets against each other and counts,
 * the second, as the caller asks for elements, only looks for the commas between them. */
#include "event/split.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "event/json.h"
#include "event/scan.h"

#define NO_EVENTS_MEMBER "expected {\"events\":[...]}"

/* The first pass. */
struct frame {
    struct splitter_scan scan;
    char *body;
    size_t depth;
    uint64_t objects[SPLIT_DEPTH_CHECKED / 64]; /* bit set: that level was opened by { */
    const char *error;
    const char *error_at;
};

static void load_block(struct splitter_scan *s)
{
    struct scan_carry carry = { .in_string = s->in_string, .escaped = s->escaped };
    struct scan_masks m;
    size_t left = MIN((size_t)(s->end - s->block), (size_t)SCAN_BLOCK);
    uint64_t in_string = scan_block(s->block, &carry, &m);
    uint64_t outside = ~in_string & UINT64_MAX >> (SCAN_BLOCK - left);

    for (uint64_t lines = m.line & outside; lines; lines &= lines - 1)
        s->block[__builtin_ctzll(lines)] = ' ';
    s->brackets = m.bracket & outside;
    s->commas = m.comma & outside;
    /* Of the last block, what stands behind the body must not count. */
    s->in_string = 0 - (in_string >> (left - 1) & 1);
    s->escaped = carry.escaped;
}

static void scan_start(struct splitter_scan *s, char *at, char *end)
{
    *s = (struct splitter_scan){ .block = at, .end = end };
    if (at < end)
        load_block(s);
}

/* The next bracket, or comma where they are asked for, outside strings; NULL at the end. Commas
 * that are passed over are gone. */
static char *scan_next(struct splitter_scan *s, bool commas)
{
    uint64_t bits;
    unsigned i;

    while (!(bits = s->brackets | (commas ? s->commas : 0))) {
        if (s->end - s->block <= SCAN_BLOCK)
            return NULL;
        s->block += SCAN_BLOCK;
        load_block(s);
    }
    i = (unsigned)__builtin_ctzll(bits);
    /* For the last bit 2 << 63 is 0, and the mask is all ones as it must be. */
    s->brackets &= ~((UINT64_C(2) << i) - 1);
    s->commas &= ~((UINT64_C(2) << i) - 1);
    return s->block + i;
}

static int frame_fail(struct frame *f, const char *error, const char *at)
{
    f->error = error;
    f->error_at = at;
    return -EBADMSG;
}

static void push(struct frame *f, char bracket)
{
    if (f->depth < SPLIT_DEPTH_CHECKED) {
        uint64_t bit = UINT64_C(1) << f->depth % 64, *word = &f->objects[f->depth / 64];

        *word = bracket == '{' ? *word | bit : *word & ~bit;
    }
    f->depth++;
}

/* Whether the bracket closes what is open. */
static bool pop(struct frame *f, char bracket)
{
    if (f->depth == 0)
        return false;
    f->depth--;
    return f->depth >= SPLIT_DEPTH_CHECKED ||
           (f->objects[f->depth / 64] >> f->depth % 64 & 1) == (bracket == '}');
}

/* Runs to the next comma of the level that is open now (1), or to the bracket that closes it (0).
 */
static int frame_step(struct frame *f, char **ret_at)
{
    size_t level = f->depth;
    char *at;

    while ((at = scan_next(&f->scan, f->depth == level))) {
        if (*at == ',') {
            *ret_at = at;
            return 1;
        }
        if (*at == '{' || *at == '[') {
            push(f, *at);
            continue;
        }
        if (!pop(f, *at))
            return frame_fail(f, "a bracket closes what is not open", at);
        if (f->depth < level) {
            *ret_at = at;
            return 0;
        }
    }
    return frame_fail(f, f->scan.in_string ? "a string is not closed" : "a bracket is not closed",
                      f->scan.end);
}

static char *skip_white(char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

/* Runs behind the array whose [ the scan gives next; the elements lie in *ret_begin .. *ret_end. */
static int frame_array(struct frame *f, size_t max_events, struct splitter *s)
{
    char *open = scan_next(&f->scan, false), *at;
    int r;

    push(f, '[');
    s->at = open + 1;
    s->count = 1;
    while ((r = frame_step(f, &at)) > 0)
        if (++s->count > max_events)
            return -E2BIG;
    if (r < 0)
        return r;
    s->end = at;
    if (skip_white(s->at, s->end) == s->end)
        s->count = 0;
    return s->count > max_events ? -E2BIG : 0;
}

/* Runs behind the object whose { the scan gives next. */
static int frame_object(struct frame *f, char **ret_close)
{
    int r;

    (void)scan_next(&f->scan, false);
    push(f, '{');
    do {
        r = frame_step(f, ret_close);
    } while (r > 0);
    return r;
}

static int frame_end(struct frame *f, char *behind)
{
    char *rest = skip_white(behind, f->scan.end);

    return rest == f->scan.end ? 0 : frame_fail(f, "there is more behind the first value", rest);
}

static int split_json(struct frame *f, size_t max_events, struct splitter *s)
{
    char *first = skip_white(f->body, f->scan.end), *close;
    int r;

    if (*first == '[') {
        s->shape = SHAPE_MANY;
        r = frame_array(f, max_events, s);
        return r < 0 ? r : frame_end(f, s->end + 1);
    }
    if (*first != '{')
        return frame_fail(f, "expected an object or an array of events", first);
    r = frame_object(f, &close);
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

    at = skip_white(at, end);
    if (at == end || *at != '"')
        return NULL;
    begin = ++at;
    while (at < end && *at != '"')
        at += *at == '\\' ? 2 : 1;
    if (at >= end)
        return NULL;
    *ret_key = span_of(begin, (size_t)(at - begin));
    at = skip_white(at + 1, end);
    return at < end && *at == ':' ? skip_white(at + 1, end) : NULL;
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
        r = frame_array(f, max_events, s);
        if (r < 0)
            return r;
        value = s->end + 1;
    }
    r = frame_step(f, at);
    if (r < 0)
        return r;
    rest = skip_white(value, *at);
    if (events && rest != *at)
        return frame_fail(f, NO_EVENTS_MEMBER, rest);
    *at += 1;
    return r;
}

static int split_bulk(struct frame *f, size_t max_events, struct splitter *s)
{
    char *at = skip_white(f->body, f->scan.end), *open;
    int r;

    if (*at != '{')
        return frame_fail(f, NO_EVENTS_MEMBER, at);
    open = scan_next(&f->scan, false);
    push(f, '{');
    s->shape = SHAPE_MANY;
    at = open + 1;
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

int splitter_init(struct splitter *s, enum split_form form, char *body, size_t len,
                  size_t max_events, const char **ret_error, size_t *ret_offset)
{
    struct frame f = { .body = body, .scan.end = body + len };
    struct splitter out = { .form = form };
    int r;

    r = check_encoding(&f, len);
    if (r == 0 && skip_white(body, body + len) == body + len)
        return -ENODATA;
    if (r == 0 && form != SPLIT_LINES)
        scan_start(&f.scan, body, body + len);
    if (r == 0)
        r = split_frame(&f, max_events, &out);
    if (r == -EBADMSG) {
        *ret_error = f.error;
        *ret_offset = (size_t)(f.error_at - body);
    }
    if (r < 0)
        return r;
    if (out.count == 0)
        return -ENODATA;
    if (form != SPLIT_LINES)
        scan_start(&out.scan, out.at, out.end);
    *s = out;
    return 0;
}

/* The comma behind the element that begins at s->at, or the end. */
static char *element_end(struct splitter *s)
{
    size_t depth = 0;
    char *at;

    while ((at = scan_next(&s->scan, depth == 0))) {
        if (*at == ',')
            return at;
        if (*at == '{' || *at == '[')
            depth++;
        else
            depth--;
    }
    return s->end;
}

bool splitter_next(struct splitter *s, struct span *ret_element)
{
    char *end;

    if (s->form == SPLIT_LINES)
        return take_line(s, ret_element);
    if (s->done)
        return false;
    end = element_end(s);
    *ret_element = span_trim(span_of(s->at, (size_t)(end - s->at)));
    s->done = end == s->end;
    s->at = end + 1;
    return true;
}

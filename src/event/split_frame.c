#include "event/split_frame.h"

#include <errno.h>

int frame_fail(struct frame *f, const char *error, const char *at)
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

int frame_step(struct frame *f, char **ret_at)
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

int frame_close(struct frame *f, char **ret_close)
{
    int r;

    do {
        r = frame_step(f, ret_close);
    } while (r > 0);
    return r;
}

char *frame_open(struct frame *f)
{
    char *at = scan_next(&f->scan, false);

    push(f, *at);
    return at + 1;
}

char *frame_skip_white(char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

int frame_end(struct frame *f, char *behind)
{
    char *rest = frame_skip_white(behind, f->scan.end);

    return rest == f->scan.end ? 0 : frame_fail(f, "there is more behind the first value", rest);
}

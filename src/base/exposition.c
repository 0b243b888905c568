#include "base/exposition.h"

#include <string.h>

#include "base/macros.h"
#include "base/number.h"

/* `family{labels} value` or `family value`. */
static bool read_line(struct span line, struct exposition_series *ret)
{
    const char *space = line.len && line.ptr[0] != '#' ? memrchr(line.ptr, ' ', line.len) : NULL;
    struct span name, labels = SPAN_NONE;
    const char *brace;

    if (!space || parse_double(span_of(space + 1, (size_t)(line.ptr + line.len - space - 1)),
                               &ret->value) < 0)
        return false;
    name = span_of(line.ptr, (size_t)(space - line.ptr));
    brace = name.len ? memchr(name.ptr, '{', name.len) : NULL;
    if (brace && name.ptr[name.len - 1] == '}') {
        labels = span_of(brace + 1, (size_t)(name.ptr + name.len - brace - 2));
        name.len = (size_t)(brace - name.ptr);
    }
    ret->family = name;
    ret->labels = labels;
    return name.len > 0;
}

bool exposition_next(struct span *rest, struct exposition_series *ret)
{
    for (struct span line; span_split(rest, '\n', &line);)
        if (read_line(line, ret))
            return true;
    return false;
}

/* The length of a quoted value up to its closing quote; what follows the opening one is `text`. */
static size_t quoted_length(struct span text)
{
    size_t n = 0;

    while (n < text.len && text.ptr[n] != '"')
        n += text.ptr[n] == '\\' && n + 1 < text.len ? 2 : 1;
    return n;
}

bool exposition_label(const struct exposition_series *series, struct span name, struct span *ret)
{
    struct span rest = series->labels, key;

    while (span_split(&rest, '=', &key) && rest.len && rest.ptr[0] == '"') {
        struct span text = span_of(rest.ptr + 1, rest.len - 1);
        size_t len = quoted_length(text), used;

        if (span_eq(key, name)) {
            *ret = span_of(text.ptr, len);
            return true;
        }
        used = MIN(len + 2, text.len); /* the closing quote and the comma */
        rest = span_of(text.ptr + used, text.len - used);
    }
    return false;
}

double exposition_sum(struct span text, struct span family)
{
    struct exposition_series series;
    double sum = 0;

    while (exposition_next(&text, &series))
        if (span_eq(series.family, family))
            sum += series.value;
    return sum;
}

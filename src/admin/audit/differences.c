#include "admin/audit/differences.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX_BYTES (64 * 1024)

void differences_release(struct differences *d)
{
    for (size_t i = 0; i < d->count; i++) {
        free(d->list[i].source);
        free(d->list[i].what);
        strbuf_release(&d->list[i].names);
    }
    free(d->list);
    *d = (struct differences){ 0 };
}

static bool is_kind(const struct difference *have, const char *source, const char *what)
{
    return strcmp(have->what, what) == 0 &&
           strcmp(have->source ? have->source : "", source ? source : "") == 0;
}

static struct difference *kind_of(struct differences *d, const char *source, const char *what)
{
    struct difference *kind, *bigger;

    for (size_t i = 0; i < d->count; i++)
        if (is_kind(&d->list[i], source, what))
            return &d->list[i];
    if (d->count == d->room) {
        bigger = reallocarray(d->list, d->room + 16, sizeof(*bigger));
        if (!bigger)
            return NULL;
        d->list = bigger;
        d->room += 16;
    }
    kind = &d->list[d->count];
    *kind = (struct difference){ .what = strdup(what) };
    if (source)
        kind->source = strdup(source);
    if (!kind->what || (source && !kind->source)) {
        free(kind->what);
        free(kind->source);
        return NULL;
    }
    strbuf_init(&kind->names, NAMES_MAX_BYTES);
    d->count++;
    return kind;
}

void differences_add(struct differences *d, const char *source, const char *what, uint64_t count,
                     const char *fmt, ...)
{
    struct difference *kind = kind_of(d, source, what);
    va_list ap;

    d->total += count;
    if (!kind) {
        d->no_memory = true;
        return;
    }
    kind->count += count;
    if (kind->named == DIFFERENCES_NAMED_MAX)
        return;
    kind->named++;
    va_start(ap, fmt);
    (void)strbuf_vaddf(&kind->names, fmt, ap);
    va_end(ap);
    (void)strbuf_addc(&kind->names, '\n');
}

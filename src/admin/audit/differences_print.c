#include <inttypes.h>
#include <stdio.h>

#include "admin/audit/differences.h"

static void print_difference(const struct difference *d, const char *verdict)
{
    struct span names = strbuf_span(&d->names), name;

    printf("%s: %s%s%s: %" PRIu64 "\n", verdict, d->source ? d->source : "", d->source ? ": " : "",
           d->what, d->count);
    while (names.len && span_split(&names, '\n', &name))
        printf("  %.*s\n", SPAN_ARG(name));
}

static void difference_json(struct json_out *j, const struct difference *d)
{
    struct span names = strbuf_span(&d->names), name;

    json_object(j);
    json_key(j, "source");
    json_str(j, d->source);
    json_key(j, "what");
    json_str(j, d->what);
    json_key(j, "count");
    json_u64(j, d->count);
    json_key(j, "named");
    json_array(j);
    while (names.len && span_split(&names, '\n', &name))
        json_string(j, name);
    json_array_end(j);
    json_object_end(j);
}

void differences_print(const struct differences *d, const char *verdict)
{
    for (size_t i = 0; i < d->count; i++)
        print_difference(&d->list[i], verdict);
}

void differences_json(const struct differences *d, struct json_out *j)
{
    json_array(j);
    for (size_t i = 0; i < d->count; i++)
        difference_json(j, &d->list[i]);
    json_array_end(j);
}

#include "stack/counts.h"

#include <string.h>

#include "base/macros.h"
#include "base/number.h"

static const struct {
    struct span family;
    enum count count;
} families[] = {
    { SPAN("gateway_events_accepted_total"), COUNT_ACCEPTED },
    { SPAN("gateway_events_processed_total"), COUNT_PROCESSED },
    { SPAN("gateway_events_failed_total"), COUNT_FAILED },
    { SPAN("fb_collector_events_processed_total"), COUNT_STORED },
    { SPAN("ttk_collector_events_processed_total"), COUNT_STORED },
    { SPAN("fb_collector_events_duplicates_total"), COUNT_DUPLICATES },
    { SPAN("ttk_collector_events_duplicates_total"), COUNT_DUPLICATES },
    { SPAN("fb_collector_events_expired_total"), COUNT_EXPIRED },
    { SPAN("ttk_collector_events_expired_total"), COUNT_EXPIRED },
};

/* `family{labels} value` or `family value`. */
static void add_line(uint64_t sums[COUNT_COUNT], struct span line)
{
    const char *space = memrchr(line.ptr, ' ', line.len);
    double value;

    if (!space ||
        parse_double(span_of(space + 1, (size_t)(line.ptr + line.len - space - 1)), &value) < 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        struct span family = families[i].family;

        if (line.len > family.len && memcmp(line.ptr, family.ptr, family.len) == 0 &&
            (line.ptr[family.len] == '{' || line.ptr[family.len] == ' ') && value > 0)
            sums[families[i].count] += (uint64_t)value;
    }
}

void counts_take(struct counts *c, struct span exposition)
{
    uint64_t sums[COUNT_COUNT] = { 0 };

    for (struct span line; span_split(&exposition, '\n', &line);)
        if (line.len && line.ptr[0] != '#')
            add_line(sums, line);
    for (int i = 0; i < COUNT_COUNT; i++) {
        if (sums[i] < c->now[i]) /* a new process counts from 0 */
            c->before[i] += c->now[i];
        c->now[i] = sums[i];
    }
}

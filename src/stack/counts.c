#include "stack/counts.h"

#include "base/exposition.h"
#include "base/macros.h"

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

static void add(uint64_t sums[COUNT_COUNT], const struct exposition_series *series)
{
    for (size_t i = 0; i < ARRAY_SIZE(families); i++)
        if (span_eq(series->family, families[i].family) && series->value > 0)
            sums[families[i].count] += (uint64_t)series->value;
}

void counts_take(struct counts *c, struct span exposition)
{
    uint64_t sums[COUNT_COUNT] = { 0 };
    struct exposition_series series;

    while (exposition_next(&exposition, &series))
        add(sums, &series);
    for (int i = 0; i < COUNT_COUNT; i++) {
        if (sums[i] < c->now[i]) /* a new process counts from 0 */
            c->before[i] += c->now[i];
        c->now[i] = sums[i];
    }
}

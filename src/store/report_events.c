/* How many events, by source, stage and type. */
#include <string.h>

#include "store/report_change.h"
#include "store/report_events_read.h"
#include "store/report_groups.h"

/* Sums by one of the three, the others added up. */
static void sum_up(const struct report_counts *c, uint64_t by_source[static SOURCE_COUNT],
                   uint64_t by_stage[static STAGE_COUNT], uint64_t by_type[static TYPE_COUNT])
{
    for (int source = 0; source < SOURCE_COUNT; source++)
        for (int stage = 0; stage < STAGE_COUNT; stage++)
            for (int type = 0; type < TYPE_COUNT; type++) {
                by_source[source] += c->n[source][stage][type];
                by_stage[stage] += c->n[source][stage][type];
                by_type[type] += c->n[source][stage][type];
            }
}

static uint64_t total_of(const struct report_counts *c)
{
    uint64_t by_source[SOURCE_COUNT] = { 0 }, by_stage[STAGE_COUNT] = { 0 },
             by_type[TYPE_COUNT] = { 0 }, total = 0;

    sum_up(c, by_source, by_stage, by_type);
    for (int source = 0; source < SOURCE_COUNT; source++)
        total += by_source[source];
    return total;
}

/* In the order of names; those without any are left out. */
static void write_map(struct json_out *j, const char *key, const char *const *names,
                      const uint64_t *counts, int count)
{
    const char *last = "";

    json_key(j, key);
    json_object(j);
    for (;;) {
        int next = -1;

        for (int i = 0; i < count; i++)
            if (counts[i] && strcmp(names[i], last) > 0 &&
                (next < 0 || strcmp(names[i], names[next]) < 0))
                next = i;
        if (next < 0)
            break;
        last = names[next];
        json_key(j, last);
        json_u64(j, counts[next]);
    }
    json_object_end(j);
}

static void write_counts(struct json_out *j, const struct report_filter *f,
                         const struct report_counts *c)
{
    uint64_t by_source[SOURCE_COUNT] = { 0 }, by_stage[STAGE_COUNT] = { 0 },
             by_type[TYPE_COUNT] = { 0 };

    sum_up(c, by_source, by_stage, by_type);
    json_key(j, "totalEvents");
    json_u64(j, total_of(c));
    write_map(j, "eventsBySource", event_source_names, by_source, SOURCE_COUNT);
    write_map(j, "eventsByFunnelStage", event_stage_names, by_stage, STAGE_COUNT);
    write_map(j, "eventsByType", event_type_names, by_type, TYPE_COUNT);
    report_write_range(j, f, &c->found);
}

static int write_comparison(struct db *db, const struct report_filter *f,
                            const struct report_counts *now, struct json_out *j, struct strbuf *err)
{
    const struct report_filter before = report_previous(f);
    struct report_counts c;
    int r = report_events_count(db, &before, &c, err);

    if (r != 0)
        return r;
    json_key(j, "previous");
    json_object(j);
    report_write_range(j, &before, &c.found);
    json_key(j, "totalEvents");
    json_u64(j, total_of(&c));
    json_object_end(j);
    json_key(j, "change");
    json_object(j);
    report_change_write(j, "totalEvents", (report_money)total_of(now), (report_money)total_of(&c),
                        /* money= */ false);
    json_object_end(j);
    return 0;
}

int report_events(struct db *db, const struct report_filter *f, struct strbuf *out,
                  struct strbuf *err)
{
    struct report_counts c;
    struct json_out j;
    int r = report_events_count(db, f, &c, err);

    if (r != 0)
        return r;
    json_out_init(&j, out);
    json_object(&j);
    write_counts(&j, f, &c);
    if (f->compare)
        r = write_comparison(db, f, &c, &j, err);
    if (r == 0)
        r = report_parts_write(db, SUBJECT_EVENTS, f, &c.found, &j, err);
    if (r != 0)
        return r;
    json_object_end(&j);
    return report_done(out, err);
}

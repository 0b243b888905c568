/* Runs the statement of facts over the pieces of its slots. */
#include "store/report_facts.h"

#include <stdio.h>

#include "store/report_facts_sql.h"
#include "store/report_query.h"

const char *report_currency(const struct report_filter *f)
{
    return f->currency[0] ? f->currency : f->default_currency;
}

struct parameters {
    struct pg_params pg;
    struct report_pieces_param pieces;
    struct pg_array slots;
    struct strbuf campaign;
    char limit[16];
};

static void parameters_init(struct parameters *p)
{
    p->pg = (struct pg_params){ .binary_results = true };
    report_pieces_param_init(&p->pieces);
    pg_array_init(&p->slots);
    strbuf_init(&p->campaign, EVENT_TEXT_MAX + 1);
}

static void parameters_release(struct parameters *p)
{
    report_pieces_param_release(&p->pieces);
    pg_array_release(&p->slots);
    strbuf_release(&p->campaign);
}

static int add_pieces(struct parameters *p, const struct report_rollup *rollup,
                      const struct report_slot *slots, int slot_count)
{
    const struct report_grains *grains =
        rollup->cube ? &report_grains_cubes : &report_grains_counts;
    int r;

    pg_array_start(&p->slots, PG_INT4);
    for (int i = 0; i < slot_count; i++) {
        struct report_pieces pieces;

        report_range_split(slots[i].span, grains, &pieces);
        for (int k = 0; k < pieces.count; k++) {
            report_pieces_param_add(&p->pieces, &pieces.piece[k]);
            pg_array_i32(&p->slots, slots[i].slot);
        }
    }
    r = report_pieces_param_end(&p->pieces, &p->pg);
    return r == 0 ? pg_array_param(&p->slots, &p->pg) : r;
}

static int add_conditions(struct parameters *p, const struct report_facts *facts)
{
    const struct report_filter *f = facts->filter;
    int r = strbuf_addspan(&p->campaign, f->campaign_id);

    if (r < 0)
        return r;
    pg_param_text(&p->pg, f->source < 0 ? NULL : event_source_names[f->source]);
    if (facts->subject == SUBJECT_EVENTS) {
        pg_param_text(&p->pg, f->stage < 0 ? NULL : event_stage_names[f->stage]);
        pg_param_text(&p->pg, f->type < 0 ? NULL : event_type_names[f->type]);
    } else {
        pg_param_text(&p->pg, report_currency(f));
        pg_param_text(&p->pg, f->campaign_id.ptr ? p->campaign.ptr : NULL);
    }
    (void)snprintf(p->limit, sizeof(p->limit), "%u", facts->limit);
    pg_param_text(&p->pg, facts->limit ? p->limit : NULL);
    return 0;
}

/* Groups read most of a cube's days, whose rows lie all over the table: page by page is faster than
 * row by row, and they are few: sums are hashed. Until the end of the transaction; without one it
 * has no effect. */
static const char scan_sql[] = "SET LOCAL work_mem = '64MB'; SET LOCAL enable_indexscan = off;"
                               "SET LOCAL enable_sort = off";

static int run(struct db *db, const struct report_facts *facts, const struct report_rollup *rollup,
               struct parameters *p, PGresult **ret_rows, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf sql;
    int r;

    strbuf_init(&sql, REPORT_FACTS_SQL_MAX);
    report_facts_write_sql(&sql, facts, rollup);
    r = strbuf_error(&sql);
    if (r == 0)
        r = db_connect(db, err);
    if (r != 0)
        return r;
    if (facts->limit)
        r = pg_exec(db, scan_sql, err);
    if (r == 0)
        r = pg_query(db, sql.ptr, &p->pg, ret_rows, err);
    if (r != 0)
        pg_abandon(db);
    return r;
}

int report_facts_sum(struct db *db, const struct report_facts *facts,
                     const struct report_slot *slots, int slot_count, PGresult **ret_rows,
                     struct strbuf *err)
{
    const struct report_rollup *rollup = report_rollup_choose(facts);
    _cleanup_(parameters_release) struct parameters p;
    int r;

    parameters_init(&p);
    r = add_pieces(&p, rollup, slots, slot_count);
    if (r == 0)
        r = add_conditions(&p, facts);
    return r == 0 ? run(db, facts, rollup, &p, ret_rows, err) : r;
}

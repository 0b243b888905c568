/*
 * The statement is put together from constants: a rollup, its columns, and the same columns of the
 * events. What the request says comes as parameters:
 *   $1 to $4  pieces of the range and their slots
 *   $5        source
 *   $6, $7    stage and type; of revenue: the currency, and the campaign
 *   $8        the limit
 */
#pragma once

#include "base/strbuf.h"
#include "store/report_facts.h"

#define REPORT_FACTS_SQL_MAX 8192

struct report_rollup {
    enum report_subject subject;
    unsigned dimensions; /* it can be grouped and filtered by */
    const char *cube;    /* in cube_totals and cube_deltas; NULL = a table of its own */
    const char *days;    /* the cube of its days, when that is another one */
    const char *table;
    const char *count, *amount;  /* its columns */
    const char *raw;             /* the same facts from the events, as e */
    const char *raw_of_campaign; /* of those that the filter wants; NULL = no shorter way */
};

/* The cheapest that has all dimensions which are grouped or filtered by; there always is one. */
const struct report_rollup *report_rollup_choose(const struct report_facts *facts);

void report_facts_write_sql(struct strbuf *sql, const struct report_facts *facts,
                            const struct report_rollup *rollup);

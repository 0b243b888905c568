/*
 * Sums over any of the dimensions: from the cheapest rollup that has those asked for and those
 * filtered by, with the ends of ranges from the events. Groups and series are made of it.
 */
#pragma once

#include "base/macros.h"
#include "store/pg.h"
#include "store/report.h"
#include "store/report_range.h"

enum report_subject {
    SUBJECT_EVENTS,
    SUBJECT_REVENUE, /* transactions and their amounts, in the currency of the report */
};

struct report_facts {
    enum report_subject subject;
    const struct report_filter *filter; /* source, stage and type; or source, campaign, currency */
    int dimension_count;                /* to group by */
    const enum report_dimension *dimensions;
    uint32_t limit; /* of rows, the largest ones; 0 = all, in the order of slots */
};

/* Spans to sum up, each with a number of its own, its slot. */
struct report_slot {
    int32_t slot;
    struct report_span span;
};

/* Columns of the result, which is binary: slot (int4), the names of the dimensions (text; absent
 * ones are ""), events or transactions (int8), the amount (text), and how many rows there would be
 * without the limit (int8). */
#define FACTS_SLOT 0
#define FACTS_NAME 1
#define FACTS_COUNT(facts) (1 + (facts)->dimension_count)
#define FACTS_AMOUNT(facts) (2 + (facts)->dimension_count)
#define FACTS_ROWS(facts) (3 + (facts)->dimension_count)

int report_facts_sum(struct db *db, const struct report_facts *facts,
                     const struct report_slot *slots, int slot_count, PGresult **ret_rows,
                     struct strbuf *err) MUST_CHECK;

/* The currency of a revenue report. */
const char *report_currency(const struct report_filter *f);

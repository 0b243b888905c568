/* Random parameters of questions to the reporter, added to a target such as "/reports/events". */
#pragma once

#include "admin/bench/reports.h"
#include "base/clock.h"

#define PARAM_MINUTE_USEC (60 * USEC_PER_SEC)

bool random_one_in(struct random *r, uint64_t n);

void param_add(struct strbuf *out, const char *name, const char *value);

/* from and to at random multiples of `unit`, at most `most` of them apart. */
void param_range(const struct dataset *d, struct random *r, int64_t unit, uint64_t most,
                 struct strbuf *out);
/* Whole UTC days. */
void param_days(const struct dataset *d, struct random *r, struct strbuf *out);
/* To the microsecond. */
void param_any(const struct dataset *d, struct random *r, struct strbuf *out);
/* Days, minutes, without an end, or without either. */
void param_aligned(const struct dataset *d, struct random *r, struct strbuf *out);

/* Each filter with even chances. */
void param_source(struct random *r, struct strbuf *out);
void param_events(struct random *r, struct strbuf *out);
void param_revenue(struct random *r, struct strbuf *out);

void param_campaign(const struct dataset *d, struct random *r, struct strbuf *out);

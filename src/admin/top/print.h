/* top without a terminal: the same once, as text or as JSON, for scripts. */
#pragma once

#include "admin/top/model.h"
#include "base/macros.h"
#include "base/strbuf.h"

/* As a page of 120 columns, without colours. -ENOMEM. */
int top_print_text(const struct model *m, const char *about, uint64_t interval_usec,
                   struct strbuf *out) MUST_CHECK;
/* One line of JSON; what is not known is null. */
int top_print_json(const struct model *m, struct strbuf *out) MUST_CHECK;

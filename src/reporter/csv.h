/*
 * A report's `data` as CSV (RFC 4180): a header line, CRLF, UTF-8. Its rows are the list that the
 * report is about (the series, else the groups, else the campaigns, events, requests or rejects);
 * a report without one becomes lines of name and value, the names being paths into the data:
 *
 *   name,value
 *   totalEvents,3
 *   eventsBySource.facebook,2
 *
 * Numbers stay as they are. A text that a spreadsheet would take for a formula gets an apostrophe
 * before it.
 */
#pragma once

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

/* Appends to *out. data: a JSON object that this program wrote. -ENOMEM, -ENOBUFS. */
int csv_write(struct span data, struct strbuf *out) MUST_CHECK;

/* The lines that carry samples of metrics, read and written. */
#pragma once

#include "base/strbuf.h"
#include "event/json.h"
#include "service/service.h"
#include "store/service_metrics.h"

#define SAMPLE_LINES_BYTES_MAX ((size_t)1 << 20)
#define SAMPLE_ROWS_MAX 20000

/* Adds a line for each series of the service. */
void sample_lines_write(struct strbuf *out, const struct service *s, int64_t minute_usec);

/* Rows of lines; strings are copied, because the parser forgets them. Reused. */
struct sample_rows {
    struct json_parser *parser;
    struct strbuf line; /* with padding */
    struct strbuf texts;
    struct service_metric_row *rows;
    size_t count, room;
    uint32_t bad; /* lines that are no samples */
};

int sample_rows_init(struct sample_rows *r) MUST_CHECK;
void sample_rows_release(struct sample_rows *r);
/* Replaces the content. -ENOMEM. */
int sample_rows_read(struct sample_rows *r, struct span lines) MUST_CHECK;

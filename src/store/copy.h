/*
 * COPY ... FROM STDIN (FORMAT binary), streamed: rows are encoded into a small buffer that goes out
 * when it is full, so that the server works while we encode and memory does not grow with the
 * batch.
 *
 *   r = pg_copy_begin(&c, db, "COPY t (a, b) FROM STDIN (FORMAT binary)", err);
 *   for each row: r = pg_copy_row(&c, 2, bytes, err); then wire_field_...(&c.buf, ...) twice
 *   r = pg_copy_end(&c, err);
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/pg.h"
#include "store/wire.h"

struct pg_copy {
    struct db *db;     /* borrowed, from begin to end */
    struct strbuf buf; /* kept for the next COPY */
};

void pg_copy_init(struct pg_copy *c);
void pg_copy_release(struct pg_copy *c);

int pg_copy_begin(struct pg_copy *c, struct db *db, const char *sql, struct strbuf *err) MUST_CHECK;
/* Starts a row and makes room for its fields; `bytes`: the sum of their variable-length bytes. */
int pg_copy_row(struct pg_copy *c, uint32_t fields, size_t bytes, struct strbuf *err) MUST_CHECK;
int pg_copy_end(struct pg_copy *c, struct strbuf *err) MUST_CHECK;

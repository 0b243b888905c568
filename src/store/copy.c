#include "store/copy.h"

/* What goes to libpq at once; a row of the largest event fits besides. */
#define COPY_CHUNK_BYTES (256 * 1024)
#define COPY_BYTES_MAX (16 * 1024 * 1024)

static const char copy_signature[] = "PGCOPY\n\377\r\n"; /* its NUL is part of it */

void pg_copy_init(struct pg_copy *c)
{
    c->db = NULL;
    strbuf_init(&c->buf, COPY_BYTES_MAX);
}

void pg_copy_release(struct pg_copy *c)
{
    strbuf_release(&c->buf);
}

int pg_copy_begin(struct pg_copy *c, struct db *db, const char *sql, struct strbuf *err)
{
    _cleanup_result_ PGresult *res = NULL;
    int r;

    c->db = db;
    strbuf_reset(&c->buf);
    r = strbuf_reserve(&c->buf, COPY_CHUNK_BYTES);
    if (r < 0)
        return r;
    pg_start_command(db);
    if (!PQsendQuery(db->conn, sql))
        return pg_fail(db, NULL, err);
    r = pg_next_result(db, &res, err);
    if (r != 0)
        return r;
    if (PQresultStatus(res) != PGRES_COPY_IN)
        return pg_fail(db, res, err);
    wire_put(&c->buf, copy_signature, sizeof(copy_signature));
    wire_put_i32(&c->buf, 0); /* flags */
    wire_put_i32(&c->buf, 0); /* length of the header's extension */
    return 0;
}

static int send_chunk(struct pg_copy *c, struct strbuf *err)
{
    if (PQputCopyData(c->db->conn, c->buf.ptr, (int)c->buf.len) != 1)
        return pg_fail(c->db, NULL, err);
    strbuf_reset(&c->buf);
    return pg_flush(c->db, err);
}

int pg_copy_row(struct pg_copy *c, uint32_t fields, size_t bytes, struct strbuf *err)
{
    int r = c->buf.len >= COPY_CHUNK_BYTES ? send_chunk(c, err) : 0;

    if (r != 0)
        return r;
    r = strbuf_reserve(&c->buf, sizeof(int16_t) + fields * WIRE_FIELD_MAX + bytes);
    if (r < 0)
        return r;
    wire_put_i16(&c->buf, (int16_t)fields);
    return 0;
}

/* The results of the COPY: one, then NULL. */
static int finish(struct pg_copy *c, struct strbuf *err)
{
    int outcome = 0;

    for (;;) {
        _cleanup_result_ PGresult *res = NULL;
        int r = pg_next_result(c->db, &res, err);
        if (r != 0)
            return r;
        if (!res)
            return outcome;
        if (outcome == 0 && PQresultStatus(res) != PGRES_COMMAND_OK)
            outcome = pg_fail(c->db, res, err);
    }
}

int pg_copy_end(struct pg_copy *c, struct strbuf *err)
{
    int r = strbuf_reserve(&c->buf, sizeof(int16_t));

    if (r < 0)
        return r;
    wire_put_i16(&c->buf, -1);
    r = send_chunk(c, err);
    if (r != 0)
        return r;
    if (PQputCopyEnd(c->db->conn, NULL) != 1)
        return pg_fail(c->db, NULL, err);
    return finish(c, err);
}

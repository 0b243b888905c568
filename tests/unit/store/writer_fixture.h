/* A database of its own and a writer to it, for each test of the writer. */
#pragma once

#include "unit/store/batches.h"

struct fixture {
    char url[PG_URL_MAX];
    PGconn *conn;  /* to look with */
    struct db *db; /* for what is tested beside the writer */
    struct store_writer *writer;
    struct strbuf err;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    pg_database(f->url);
    f->conn = PQconnectdb(f->url);
    (void)pg_value(f->conn, "SET timezone = 'UTC'");
    f->db = pg_db(f->url);
    f->writer = store_writer_new(pg_db(f->url));
    strbuf_init(&f->err, 1024);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    (void)store_writer_free(f->writer);
    (void)db_free(f->db);
    strbuf_release(&f->err);
    PQfinish(f->conn);
    free(f);
    return 0;
}

/* A database of its own and a writer to it, for each test of the writer. */
#pragma once

#include "unit/store/batches.h"

struct fixture {
    char url[PG_URL_MAX];
    PGconn *conn; /* to look with */
    struct store_writer *writer;
    struct strbuf err;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    pg_database(f->url);
    f->conn = PQconnectdb(f->url);
    (void)pg_value(f->conn, "SET timezone = 'UTC'");
    f->writer = store_writer_new(pg_db(f->url));
    strbuf_init(&f->err, 1024);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    (void)store_writer_free(f->writer);
    strbuf_release(&f->err);
    PQfinish(f->conn);
    free(f);
    return 0;
}

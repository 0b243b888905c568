/* What an operator wants to know of the database server itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "store/db.h"

struct db_facts {
    char version[64];     /* "15.14 (Debian 15.14-0+deb12u1)" */
    uint32_t version_num; /* 150014 */
    uint64_t bytes;       /* of this database on its disk */
    uint32_t connections; /* open, of all databases */
    uint32_t connections_max;
    bool replica;       /* takes no writes */
    int64_t clock_usec; /* wall clock of the server */
};

/* 0 or a db_outcome. */
int db_facts_of(struct db *db, struct db_facts *ret, struct strbuf *err) MUST_CHECK;

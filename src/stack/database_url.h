/* DATABASE_URL without its password, for a command line that everybody on the machine can read. */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"

/* A URL (postgresql://user:password@host/db?password=...) or keywords (host=... password=...), as
 * libpq takes them (https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING).
 * *public: all but the password; *password: as it is meant, decoded; empty when there is none. */
int database_url_split(const char *url, struct strbuf *public, struct strbuf *password) MUST_CHECK;

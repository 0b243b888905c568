/*
 * The private PostgreSQL cluster under postgres/: made with initdb at the first start, on 127.0.0.1
 * only, with a password (SCRAM). What the stack needs stands in sluice.conf, written at each start;
 * a person's own settings go into postgresql.conf, behind its include, and win.
 */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/child.h"
#include "stack/site.h"

/* Makes the cluster and the database `sluice` if they are missing; blocks for a second or two then.
 * log_fd: takes what the tools print. */
int postgres_setup(const struct site *site, int log_fd, struct strbuf *err) MUST_CHECK;
/* unit_kind.prepare */
int postgres_prepare(const struct site *site, unsigned instance, struct child_spec *spec,
                     struct strbuf *err) MUST_CHECK;

/* The newest folder of PostgreSQL's programs, or that of one major version ("15"; NULL = any). <0
 * with *err when there is none. */
#define POSTGRES_BIN_MAX 64
int postgres_bin(const char *major, char ret[POSTGRES_BIN_MAX], struct strbuf *err) MUST_CHECK;

/* The pid in postmaster.pid when that process serves this very cluster; 0 otherwise. */
pid_t postgres_running_pid(int data_dir_fd);

/*
 * The servers that an operator's command is about, and the collectors' names on them. Which ones:
 * those of the stack that --data names; else NATS_URL and DATABASE_URL where they are set (flag,
 * environment, .env); else those of the stack that runs in ./var; else the settings' defaults.
 */
#pragma once

#include "admin/target.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "bus/bus.h"
#include "event/event.h"
#include "service/settings.h"
#include "store/db.h"

struct servers {
    char nats_url[TARGET_TEXT_MAX];
    char database_url[TARGET_TEXT_MAX];
};

/* The durable consumer that the collectors of a source share. */
extern const char *const server_consumers[SOURCE_COUNT];

/* data: of --data, or NULL. -ENOENT and *err when no stack runs there, or its addresses cannot be
 * read. */
int servers_find(const char *data, const struct settings *settings, struct servers *ret,
                 struct strbuf *err) MUST_CHECK;

/* Connects and waits until the server answers. name: "sluice audit". -ENOTCONN and *err when it
 * does not within 5 s. */
int servers_open_bus(const struct servers *s, const char *name, struct log *log,
                     struct bus **ret_bus, struct strbuf *err) MUST_CHECK;
/* A handle that may write and has no statement timeout; connects at first use. NULL: out of memory.
 */
struct db *servers_new_db(const struct servers *s, const char *name);
/* The same for one that only reads: a replica will do. */
struct db *servers_new_reader(const struct servers *s, const char *name);

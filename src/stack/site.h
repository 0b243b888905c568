/*
 * The facts of one running stack, settled before the first process starts: where its data is, who
 * it runs as, its ports, the addresses and passwords of its servers. Whoever writes a command line
 * or a configuration file reads them here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"
#include "service/settings.h"
#include "stack/identity.h"
#include "stack/layout.h"
#include "stack/options.h"
#include "stack/ports.h"

struct site {
    struct options options;
    struct settings settings;
    struct layout layout;
    struct identity identity;
    int exe_fd;                        /* this program: what every role runs */
    uint32_t port[PORT_CLUSTER_COUNT]; /* of the servers and the first instance of each role */
    bool own_nats, own_postgres;       /* false: NATS_URL, DATABASE_URL name another server */
    char *nats_url, *database_url;     /* owned; with passwords */
    char notify[32];                   /* NOTIFY_SOCKET of the children */
};

void site_init(struct site *site);
void site_release(struct site *site);

/* Opens our own program for the children: a copy in memory when the user that they run as may not
 * execute the file. */
int site_open_program(struct site *site, struct strbuf *err) MUST_CHECK;
/* Reads or makes the passwords and settles the URLs; writes them, NATS_URL= and DATABASE_URL=, to
 * SITE_ENV_FILE under the data directory (0600). After layout_enter(). */
#define SITE_ENV_FILE "run/stack.env"
int site_settle_urls(struct site *site, struct strbuf *err) MUST_CHECK;

/* A password of the stack, made at first use and kept in secrets/. ret holds SECRET_MAX bytes. */
#define SECRET_MAX 33
int site_secret(const struct site *site, const char *name, char ret[SECRET_MAX],
                struct strbuf *err) MUST_CHECK;

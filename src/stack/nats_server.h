/*
 * The private nats-servers: one, or with --cluster three that hold copies of each other's streams.
 * Each has JetStream with a file store in a folder of its own, on 127.0.0.1, with a password.
 *
 * A store that one server made is nothing that three could go on with, nor the other way round
 * (nats-server 2.9: the streams would be there and belong to nobody). So the folders have different
 * names, nats/ for one and nats-1/ to nats-3/ for three, and a data directory that has one kind is
 * refused for the other.
 */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/child.h"
#include "stack/environment.h"
#include "stack/ports.h"
#include "stack/site.h"
#include "stack/teller.h"

#define NATS_SERVERS_MAX 3

/* On which ports each of them is found. */
struct nats_server_ports {
    enum port_offset client, monitor, route;
};
extern const struct nats_server_ports nats_server_ports[NATS_SERVERS_MAX];

/* 0 when NATS_URL names another. */
unsigned nats_server_count(const struct site *site);
/* Whether the settings go with --cluster. */
int nats_server_check_settings(const struct site *site, struct strbuf *err) MUST_CHECK;
/* Refuses a data directory of the other kind. */
int nats_server_check_directory(const struct site *site, struct strbuf *err) MUST_CHECK;
/* Makes the folders; chooses how much a store may hold, once; warns when the disk has less room
 * than that by now. */
int nats_server_setup(const struct site *site, struct teller *teller,
                      struct strbuf *err) MUST_CHECK;
/* unit_kind.prepare */
int nats_server_prepare(const struct site *site, unsigned instance, struct child_spec *spec,
                        struct strbuf *err) MUST_CHECK;
/* What the roles must be told to use a cluster as it was set up: copies and sizes of the streams.
 * Nothing for one server. */
int nats_server_tell_roles(const struct site *site, struct environment *env) MUST_CHECK;

/*
 * What tells one collector from another. The collectors are one program; a source is one constant
 * row: its own file (facebook.c, tiktok.c) and a line in sources.c. docs/adding-a-source.md walks
 * through it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "event/event.h"
#include "service/settings.h"

struct source {
    const char *name;         /* on the wire and in subjects: "facebook" */
    enum event_source source; /* events of any other one do not belong into its stream */
    const char *service;      /* name of the role and its subcommand: "fb-collector" */
    enum role role;
    const char *durable;       /* JetStream consumer that all instances share */
    const char *metric_prefix; /* "fb_collector" */
    uint32_t port;
    const char *about;
};

extern const struct source source_facebook;
extern const struct source source_tiktok;

/* All of them, NULL at the end. */
extern const struct source *const sources[];

/* NULL when there is none of that service name. */
const struct source *source_of_service(const char *service);

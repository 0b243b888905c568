/* The doctor's checks, by what they look at. Each adds its findings and never fails itself. */
#pragma once

#include "admin/doctor/findings.h"
#include "admin/target.h"

/* Packages and their versions, disk, memory, descriptors. */
void check_packages(struct findings *f);
void check_disk(struct findings *f, const char *path);
void check_memory(struct findings *f);
void check_descriptors(struct findings *f);
/* For a stack that is to be started: base to base + 6, and Prometheus. */
void check_ports_free(struct findings *f, uint32_t base);

/* JetStream: limits, streams, consumers. */
void check_bus(struct findings *f, const char *url);

/* PostgreSQL: version, schema, connections, clock. */
void check_database(struct findings *f, const char *url);

/* The supervisor's word for each process, and what each role says of itself. */
void check_processes(struct findings *f, const struct target *t);
void check_role(struct findings *f, const char *name, uint32_t port, const char *mend);

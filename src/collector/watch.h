/* The threads that look after the process's dependencies. They run until c->ending is set. */
#pragma once

#include "collector/context.h"

/* Keeps the messages in hand alive, so that JetStream does not give them to somebody else while the
 * database is away, and keeps the figures about the consumer and c->nats up to date. */
void *bus_watch_run(void *collector);

/* Brings the schema up to date, then asks the database every second whether it answers
 * (c->database, c->schema_ready). */
void *db_watch_run(void *collector);

/* Keeps room in the source's stream, until c->stopping is set. */
void *trim_run(void *collector);

/* Tells through which moment the stream is stored. */
void *freshness_run(void *collector);

#include "collector/server_figures.h"

#include "store/facts.h"
#include "store/partition.h"

/* With the bus away bus_watch.c says so already. */
static void ask_bus(struct collector *c, struct strbuf *err)
{
    struct figures *f = &c->figures;
    struct bus_store_limits store;
    struct bus_stream_state letters;

    if (bus_store_limits_of(c->bus, &store, err) == 0) {
        metric_set(f->jetstream_bytes, (double)store.used);
        metric_set(f->jetstream_max_bytes, (double)store.max_store);
    }
    if (bus_stream_state_of(c->bus, BUS_DLQ_STREAM, &letters, err) == 0) {
        metric_set(f->letters, (double)letters.messages);
        metric_set(f->letter_bytes, (double)letters.bytes);
        metric_set(f->letter_max_bytes, (double)letters.max_bytes);
    }
    strbuf_reset(err);
}

static int ask_database(struct collector *c, struct db *db, struct strbuf *err)
{
    struct figures *f = &c->figures;
    struct db_facts facts;
    int r = db_facts_of(db, &facts, err);

    if (r != 0)
        return r;
    metric_set(f->database_bytes, (double)facts.bytes);
    metric_set(f->connections, (double)facts.connections);
    metric_set(f->connections_max, (double)facts.connections_max);
    return 0;
}

/* Not made is not there: whoever is alarmed finds the reason in the log. */
static int look_at_tomorrow(struct collector *c, struct db *db, struct strbuf *err)
{
    bool there = false;
    int r = partition_ensure_tomorrow(db, &there, err);

    if (r == 0 || r == DB_REFUSED)
        metric_set(c->figures.partition_tomorrow, there);
    return r;
}

int server_figures_update(struct collector *c, struct db *db, struct strbuf *err)
{
    int r;

    ask_bus(c, err);
    r = ask_database(c, db, err);
    return r == 0 ? look_at_tomorrow(c, db, err) : r;
}

#include "collector/watch.h"
#include "store/migrate.h"

#define LOOK_USEC UINT64_C(1000000)
#define ANSWER_USEC UINT64_C(3000000)
#define ERROR_TEXT_MAX 1024

static struct db *connection(const struct collector *c, uint64_t statement_timeout_usec)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "sluice %s watch", c->source->service);
    return db_new(&(struct db_options){
        .url = c->settings->database_url,
        .application_name = name,
        .connect_timeout_usec = ANSWER_USEC,
        .statement_timeout_usec = statement_timeout_usec,
    });
}

/* A connection of its own: a migration may take as long as it needs. */
static int migrate(struct collector *c, struct strbuf *err)
{
    _cleanup_(db_freep) struct db *db = connection(c, /* statement_timeout_usec= */ 0);
    uint32_t applied;
    int r;

    if (!db)
        return DB_RETRY;
    r = migrate_run(db, &applied, err);
    if (r != 0)
        return r;
    log_info(c->log, "schema.ready", "the database schema is up to date",
             KV_UINT("migrationsApplied", applied));
    atomic_store(&c->schema_ready, true);
    return 0;
}

static void tell(struct collector *c, int outcome, const struct strbuf *err)
{
    if (outcome == 0) {
        if (health_good(&c->database))
            log_info(c->log, "database.answers", "the database answers");
    } else if (health_bad(&c->database, err->ptr)) {
        log_warn(c->log, "database.away", "the database does not answer", KV_BUF("error", err),
                 KV_STR("then", "messages are kept and tried again"));
    }
}

void *db_watch_run(void *collector)
{
    struct collector *c = collector;
    _cleanup_(db_freep) struct db *db = connection(c, ANSWER_USEC);
    _cleanup_strbuf_ struct strbuf err;
    struct backoff backoff = { 0 };
    uint64_t delay;

    strbuf_init(&err, ERROR_TEXT_MAX);
    do {
        bool migrating = !atomic_load(&c->schema_ready);
        int r = DB_RETRY;

        strbuf_reset(&err);
        if (db)
            r = migrating ? migrate(c, &err) : db_ping(db, &err);
        tell(c, r, &err);
        delay = LOOK_USEC;
        if (r == 0)
            backoff_reset(&backoff);
        else
            delay = backoff_next(&backoff);
        if (r != 0 && migrating)
            log_warn(c->log, "schema.retry", "the database schema cannot be checked",
                     KV_BUF("error", &err), KV_UINT("attempt", backoff.attempts),
                     KV_STR("then", "trying again; nothing is stored meanwhile"));
    } while (!halt_wait(&c->ending, delay));
    return NULL;
}

/* PostgreSQL: does it answer, is it new enough, has it the schema, is there room for connections.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "admin/doctor/checks.h"
#include "base/clock.h"
#include "store/db.h"
#include "store/facts.h"
#include "store/migrate.h"

#define TIMEOUT_USEC (5 * UINT64_C(1000000))
#define VERSION_LEAST 150000
#define CLOCK_APART_USEC (5 * USEC_PER_SEC)
#define CONNECTIONS_FULL_PERCENT 80

static void check_version(struct findings *f, const struct db_facts *facts)
{
    bool old = facts->version_num < VERSION_LEAST;

    findings_add(f, old ? FINDING_FAIL : FINDING_OK, "database",
                 old ? "upgrade to PostgreSQL 15 or later" : NULL,
                 "PostgreSQL %s, %.1f MiB of data", facts->version,
                 (double)facts->bytes / 1024 / 1024);
    if (facts->replica)
        findings_add(f, FINDING_FAIL, "database",
                     "point DATABASE_URL at the primary; only REPORT_DATABASE_URL may be a replica",
                     "the server is a replica and takes no writes");
}

static void check_connections(struct findings *f, const struct db_facts *facts)
{
    bool full = facts->connections * 100 > facts->connections_max * CONNECTIONS_FULL_PERCENT;

    findings_add(f, full ? FINDING_WARN : FINDING_OK, "connections",
                 full ? "raise max_connections, or lower WRITERS and REPORT_POOL" : NULL,
                 "%u of %u database connections open", facts->connections, facts->connections_max);
}

static void check_clock(struct findings *f, const struct db_facts *facts)
{
    int64_t apart = llabs(facts->clock_usec - clock_wall_usec());
    bool far = apart > CLOCK_APART_USEC;

    findings_add(f, far ? FINDING_WARN : FINDING_OK, "clock",
                 far ? "run a time service (chrony, systemd-timesyncd) on both machines" : NULL,
                 "this machine and the database are %.1f s apart",
                 (double)apart / (double)USEC_PER_SEC);
}

static void check_schema(struct findings *f, struct db *db, struct strbuf *err)
{
    struct migration_state state;

    if (migrate_state_of(db, &state, err) != 0)
        findings_add(f, FINDING_FAIL, "migrations", "sluice migrate", "%s", err->ptr);
    else if (state.version < state.wanted)
        findings_add(f, FINDING_FAIL, "migrations", "sluice migrate",
                     "the schema is at version %u, this program needs %u", state.version,
                     state.wanted);
    else if (state.version > state.wanted)
        findings_add(f, FINDING_WARN, "migrations", "upgrade this program",
                     "the schema is at version %u, this program knows %u", state.version,
                     state.wanted);
    else
        findings_add(f, FINDING_OK, "migrations", NULL, "the schema is at version %u, the newest",
                     state.version);
}

void check_database(struct findings *f, const char *url)
{
    const struct db_options options = {
        .url = url,
        .application_name = "sluice doctor",
        .connect_timeout_usec = TIMEOUT_USEC,
        .statement_timeout_usec = TIMEOUT_USEC,
        .read_only = true, /* looks only; a replica is a finding, not a connection error */
    };
    _cleanup_(db_freep) struct db *db = db_new(&options);
    _cleanup_strbuf_ struct strbuf err;
    struct db_facts facts;

    strbuf_init(&err, 4096);
    if (!db || db_facts_of(db, &facts, &err) != 0) {
        findings_add(f, FINDING_FAIL, "database",
                     "start PostgreSQL (sluice up starts one), or set DATABASE_URL",
                     "the database does not answer: %s", err.ptr);
        return;
    }
    check_version(f, &facts);
    check_schema(f, db, &err);
    check_connections(f, &facts);
    check_clock(f, &facts);
}

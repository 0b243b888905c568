/*
 * What a failure means: whose fault it is, and what a person can do about it.
 *
 * Only the primary message of a server error is shown: details and context quote rows, which hold
 * personal data.
 */
#include <string.h>

#include "store/pg.h"

struct state_rule {
    const char *prefix; /* of the SQLSTATE: all five characters, or its class */
    enum db_outcome outcome;
    const char *advice; /* NULL = none */
};

/* The first row that fits decides; what is not listed is DB_RETRY. */
static const struct state_rule rules[] = {
    { "22", DB_DATA_FAULT, NULL },
    { "23502", DB_DATA_FAULT, NULL },
    { "54000", DB_DATA_FAULT, NULL },
    { "54001", DB_DATA_FAULT, NULL },
    { "28", DB_REFUSED, "check user and password in DATABASE_URL, and pg_hba.conf" },
    { "3D000", DB_REFUSED, "create the database, or correct its name in DATABASE_URL" },
    { "3F", DB_REFUSED, "run `sluice migrate`" },
    { "42501", DB_REFUSED, "grant the user of DATABASE_URL its rights on the tables" },
    { "42P01", DB_REFUSED, "run `sluice migrate`" },
    { "42703", DB_REFUSED, "run `sluice migrate`" },
    { "42883", DB_REFUSED, "run `sluice migrate`" },
    { "42", DB_REFUSED, NULL },
    { "53100", DB_RETRY, "free space on the disk of PostgreSQL" },
    { "53200", DB_RETRY, "raise max_locks_per_transaction or the memory of PostgreSQL" },
    { "53300", DB_RETRY, "raise max_connections of PostgreSQL" },
    { "25006", DB_RETRY,
      "the server takes no writes: a standby, or default_transaction_read_only" },
};

static const struct state_rule *rule_of(const char *sqlstate)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
        if (strncmp(sqlstate, rules[i].prefix, strlen(rules[i].prefix)) == 0)
            return &rules[i];
    return NULL;
}

enum db_outcome db_class_of_sqlstate(const char *sqlstate, const char *constraint)
{
    const struct state_rule *rule;

    if (!sqlstate)
        return DB_RETRY;
    /* Without a constraint's name it is "no partition of relation found for row". */
    if (strcmp(sqlstate, "23514") == 0)
        return constraint && *constraint ? DB_DATA_FAULT : DB_RETRY;
    rule = rule_of(sqlstate);
    return rule ? rule->outcome : DB_RETRY;
}

/* libpq 15 keeps no SQLSTATE of a connection that was refused, only the words. In another language
 * than English they are not known here; then it is retried, and the words are shown all the same.
 */
static enum db_outcome class_of_connection_text(const char *text)
{
    static const char *const refusals[] = {
        "authentication failed", "no pg_hba.conf entry", "no password supplied",
        "does not exist",        "permission denied",    "is not permitted to log in",
    };

    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
        if (strstr(text, refusals[i]))
            return DB_REFUSED;
    return DB_RETRY;
}

static void add_one_line(struct strbuf *err, const char *text)
{
    struct span line = span_trim(span_str(text));

    for (size_t i = 0; i < line.len; i++)
        (void)strbuf_addc(err, line.ptr[i] == '\n' || line.ptr[i] == '\t' ? ' ' : line.ptr[i]);
}

static int fail_of_connection(struct db *db, struct strbuf *err)
{
    const char *text = PQerrorMessage(db->conn);

    db->failure.lost = true;
    strbuf_setf(err, "PostgreSQL at %s: ", db->shown_url.ptr);
    add_one_line(err, *text ? text : "the connection was lost");
    return class_of_connection_text(text);
}

/* After FATAL the server closes the connection, which libpq learns only when it reads on. */
static bool ends_connection(const struct db *db, const PGresult *res)
{
    const char *severity = res ? PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED) : NULL;

    return PQstatus(db->conn) != CONNECTION_OK ||
           (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0));
}

int pg_fail(struct db *db, const PGresult *res, struct strbuf *err)
{
    const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    const char *text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *constraint = res ? PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME) : NULL;
    const struct state_rule *rule;

    db->failure.sqlstate[0] = '\0';
    db->failure.constrained = constraint != NULL;
    db->failure.lost = ends_connection(db, res);
    if (!state)
        return fail_of_connection(db, err);
    (void)snprintf(db->failure.sqlstate, sizeof(db->failure.sqlstate), "%s", state);
    strbuf_setf(err, "PostgreSQL at %s: ", db->shown_url.ptr);
    add_one_line(err, text ? text : "unknown error");
    (void)strbuf_addf(err, " (SQLSTATE %s)", state);
    rule = rule_of(state);
    if (rule && rule->advice)
        (void)strbuf_addf(err, "; %s", rule->advice);
    return db_class_of_sqlstate(state, constraint);
}

int pg_fail_lost(struct db *db, const char *why, struct strbuf *err)
{
    db->failure.sqlstate[0] = '\0';
    db->failure.constrained = false;
    db->failure.lost = true;
    strbuf_setf(err, "PostgreSQL at %s: %s", db->shown_url.ptr, why);
    return DB_RETRY;
}

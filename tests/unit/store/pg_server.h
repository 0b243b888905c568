/*
 * A private PostgreSQL for one test program: made in a folder of its own under /tmp, on a free port
 * of 127.0.0.1, run as the user `postgres` when the test is root. It is stopped and its folder
 * removed when the program ends; if the program is killed, the kernel tells the server (PDEATHSIG).
 *
 * pg_server_start() once, then pg_database() for a fresh database with the schema in it.
 */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macros.h"
#include "store/db.h"
#include "store/migrate.h"

static struct {
    char dir[64];
    char bin[128];
    int port;
    pid_t pid, owner;
    int databases;
} pg_server;

#define PG_URL_MAX 128

static void pg_die(const char *what)
{
    fprintf(stderr, "test PostgreSQL: %s (log: %s/log)\n", what, pg_server.dir);
    exit(99);
}

static int pg_free_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        pg_die("no free port");
    (void)close(fd);
    return ntohs(at.sin_port);
}

/* PostgreSQL refuses to run as root. */
static void pg_drop_privileges(void)
{
    struct passwd *user = getpwnam("postgres");

    if (geteuid() != 0)
        return;
    if (!user || setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)
        _exit(98);
}

static pid_t pg_spawn(const char *const *argv)
{
    char log[96];
    pid_t pid;

    (void)snprintf(log, sizeof(log), "%s/log", pg_server.dir);
    pid = fork();
    if (pid == 0) {
        int fd;
        pg_drop_privileges();
        (void)prctl(PR_SET_PDEATHSIG, SIGQUIT);
        fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (fd < 0 || chdir("/") < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
            _exit(97);
        (void)execv(argv[0], (char *const *)argv);
        _exit(96);
    }
    return pid;
}

static int pg_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void pg_server_stop(void)
{
    if (getpid() != pg_server.owner)
        return;
    if (pg_server.pid > 0) {
        (void)kill(pg_server.pid, SIGQUIT);
        (void)waitpid(pg_server.pid, NULL, 0);
    }
    (void)nftw(pg_server.dir, pg_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void pg_find_bin(void)
{
    glob_t found;

    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0)
        pg_die("PostgreSQL is not installed");
    (void)snprintf(pg_server.bin, sizeof(pg_server.bin), "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

static void pg_make_folder(void)
{
    struct passwd *user = getpwnam("postgres");

    (void)snprintf(pg_server.dir, sizeof(pg_server.dir), "/tmp/sluice-unit-pg-XXXXXX");
    if (!mkdtemp(pg_server.dir))
        pg_die("no temporary folder");
    pg_server.owner = getpid();
    (void)atexit(pg_server_stop);
    if (geteuid() == 0 && (!user || chown(pg_server.dir, user->pw_uid, user->pw_gid) < 0))
        pg_die("there is no user `postgres` to run it");
}

static void pg_initdb(void)
{
    char program[160], data[96];
    const char *argv[] = { program,     "-D",    data, "-U",   "sluice",
                           "-A",        "trust", "-E", "UTF8", "--locale=C.UTF-8",
                           "--no-sync", NULL };
    int status = -1;

    (void)snprintf(program, sizeof(program), "%s/initdb", pg_server.bin);
    (void)snprintf(data, sizeof(data), "%s/data", pg_server.dir);
    (void)waitpid(pg_spawn(argv), &status, 0);
    if (status != 0)
        pg_die("initdb failed");
}

static void pg_url_of(const char *database, char url[PG_URL_MAX])
{
    (void)snprintf(url, PG_URL_MAX, "postgresql://sluice@127.0.0.1:%d/%s", pg_server.port,
                   database);
}

static PGconn *pg_try_connect(const char *database)
{
    char url[PG_URL_MAX];
    PGconn *conn;

    pg_url_of(database, url);
    conn = PQconnectdb(url);
    if (PQstatus(conn) == CONNECTION_OK)
        return conn;
    PQfinish(conn);
    return NULL;
}

static void pg_wait_ready(void)
{
    for (int i = 0; i < 600; i++) {
        PGconn *conn = pg_try_connect("postgres");
        if (conn) {
            PQfinish(conn);
            return;
        }
        if (waitpid(pg_server.pid, NULL, WNOHANG) != 0)
            break;
        (void)poll(NULL, 0, 25);
    }
    pg_server.pid = 0;
    pg_die("does not answer");
}

static void pg_server_start(void)
{
    char program[160], data[96], port[16];
    const char *argv[] = {
        program,
        "-D",
        data,
        "-p",
        port,
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "unix_socket_directories=",
        "-c",
        "fsync=off",
        "-c",
        "max_connections=40",
        NULL,
    };

    pg_find_bin();
    pg_make_folder();
    pg_initdb();
    pg_server.port = pg_free_port();
    (void)snprintf(program, sizeof(program), "%s/postgres", pg_server.bin);
    (void)snprintf(data, sizeof(data), "%s/data", pg_server.dir);
    (void)snprintf(port, sizeof(port), "%d", pg_server.port);
    pg_server.pid = pg_spawn(argv);
    pg_wait_ready();
}

/* Runs SQL on a plain connection; the first value of the answer, or "" (valid until the next call
 * on this thread). Ends the program when the SQL fails: the tests use it for what must work. */
UNUSED static const char *pg_value(PGconn *conn, const char *sql)
{
    static _Thread_local char value[4096];
    PGresult *res = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(res);

    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        fprintf(stderr, "%s\n%s", sql, PQresultErrorMessage(res));
        exit(99);
    }
    (void)snprintf(value, sizeof(value), "%s", PQntuples(res) ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    return value;
}

UNUSED static long pg_number(PGconn *conn, const char *sql)
{
    return strtol(pg_value(conn, sql), NULL, 10);
}

/* A fresh, empty database. */
static void pg_empty_database(char url[PG_URL_MAX])
{
    PGconn *conn = pg_try_connect("postgres");
    char sql[64], name[32];

    (void)snprintf(name, sizeof(name), "test_%d", ++pg_server.databases);
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s", name);
    (void)pg_value(conn, sql);
    PQfinish(conn);
    pg_url_of(name, url);
}

static struct db *pg_db(const char *url)
{
    const struct db_options options = {
        .url = url,
        .application_name = "sluice test",
        .connect_timeout_usec = 10 * UINT64_C(1000000),
    };
    struct db *db = db_new(&options);

    if (!db)
        exit(99);
    return db;
}

/* A fresh database with the schema. */
UNUSED static void pg_database(char url[PG_URL_MAX])
{
    _cleanup_(db_freep) struct db *db = NULL;
    _cleanup_strbuf_ struct strbuf err;
    uint32_t applied;

    pg_empty_database(url);
    strbuf_init(&err, 1024);
    db = pg_db(url);
    if (migrate_run(db, &applied, &err) != 0) {
        fprintf(stderr, "%s\n", err.ptr);
        exit(99);
    }
}

/* Waits until a query answers true. */
UNUSED static void pg_wait_until(PGconn *conn, const char *sql)
{
    for (int i = 0; i < 1000; i++) {
        if (strcmp(pg_value(conn, sql), "t") == 0)
            return;
        (void)poll(NULL, 0, 10);
    }
    fprintf(stderr, "waited in vain: %s\n", sql);
    exit(99);
}

#include "stack/postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/number.h"
#include "stack/files.h"
#include "stack/postgres_config.h"
#include "stack/servers.h"

#define MAJOR_WANTED "15"
#define CLUSTER "postgres"
/* The cluster gets its name when it is whole, so that a start that was cut short leaves no half of
 * one. */
#define CLUSTER_NEW "postgres.new"

int postgres_bin(const char *major, char ret[POSTGRES_BIN_MAX], struct strbuf *err)
{
    char pattern[POSTGRES_BIN_MAX];
    glob_t found;
    int r = -ENOENT;

    (void)snprintf(pattern, sizeof(pattern), "/usr/lib/postgresql/%.8s/bin", major ? major : "*");
    if (glob(pattern, 0, NULL, &found) == 0) {
        (void)snprintf(ret, POSTGRES_BIN_MAX, "%s", found.gl_pathv[found.gl_pathc - 1]);
        globfree(&found);
        r = 0;
    } else {
        strbuf_setf(err, "%s is missing; install the package postgresql-%s", pattern,
                    major ? major : MAJOR_WANTED);
    }
    return r;
}

/* "15", as the cluster says, or the version wanted for a new one. */
static void major_version(const struct site *site, char ret[8])
{
    _cleanup_strbuf_ struct strbuf text;
    struct span version;

    strbuf_init(&text, 16);
    if (file_read(site->layout.dir_fd, CLUSTER "/PG_VERSION", &text) < 0)
        strbuf_reset(&text);
    version = span_trim(strbuf_span(&text));
    (void)snprintf(ret, 8, "%.*s", SPAN_ARG(version.len ? version : SPAN(MAJOR_WANTED)));
}

/* argv[0] and the environment of one of PostgreSQL's programs. */
static int begin_program(const struct site *site, const char *program, struct child_spec *spec,
                         struct strbuf *err)
{
    char bin[POSTGRES_BIN_MAX], major[8];
    int r;

    major_version(site, major);
    r = postgres_bin(major, bin, err);
    if (r == 0)
        r = child_argf(spec, "%s/%s", bin, program);
    return r < 0 ? r : server_environment(site, &spec->env);
}

static int begin_tool(const struct site *site, const char *program, int log_fd,
                      struct child_spec *spec, struct strbuf *err)
{
    spec->dir_fd = site->layout.dir_fd;
    spec->log_fd = log_fd;
    return begin_program(site, program, spec, err);
}

static int run_initdb(const struct site *site, int log_fd, struct strbuf *err)
{
    static const char *const words[] = { "--username=sluice", "--auth=scram-sha-256",
                                         "--encoding=UTF8", "--locale=C.UTF-8",
                                         "--no-instructions" };
    _cleanup_child_spec_ struct child_spec spec;
    char data[LAYOUT_PATH_MAX], password[LAYOUT_PATH_MAX];
    int r;

    child_spec_init(&spec);
    r = begin_tool(site, "initdb", log_fd, &spec, err);
    layout_path(&site->layout, "secrets/postgres", password);
    if (r == 0)
        r = child_argf(&spec, "--pwfile=%s", password);
    if (r < 0)
        return r;
    layout_path(&site->layout, CLUSTER_NEW, data);
    child_arg(&spec, "-D");
    child_arg(&spec, data);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        child_arg(&spec, words[i]);
    return child_run_to_end(&spec, err);
}

/* A pipe that already holds what the program will read. */
static int text_as_input(const char *text, int *ret_fd)
{
    _cleanup_close_ int read_end = -1, write_end = -1;
    int ends[2], r;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    read_end = ends[0];
    write_end = ends[1];
    r = fd_write_all(write_end, span_str(text));
    if (r == 0)
        *ret_fd = TAKE_FD(read_end);
    return r;
}

/* Without a server: no port, no password on its way. */
static int create_database(const struct site *site, int log_fd, struct strbuf *err)
{
    _cleanup_child_spec_ struct child_spec spec;
    _cleanup_close_ int input = -1;
    char data[LAYOUT_PATH_MAX];
    int r;

    child_spec_init(&spec);
    r = begin_tool(site, "postgres", log_fd, &spec, err);
    if (r == 0)
        r = text_as_input("CREATE DATABASE sluice;\n", &input);
    if (r < 0)
        return r;
    layout_path(&site->layout, CLUSTER_NEW, data);
    child_arg(&spec, "--single");
    child_arg(&spec, "-D");
    child_arg(&spec, data);
    child_arg(&spec, "postgres");
    spec.stdin_fd = input;
    return child_run_to_end(&spec, err);
}

static int make_cluster(const struct site *site, int log_fd, struct strbuf *err)
{
    const int dir = site->layout.dir_fd;
    int r = dir_remove(dir, CLUSTER_NEW);

    if (r == 0)
        r = run_initdb(site, log_fd, err);
    if (r == 0)
        r = create_database(site, log_fd, err);
    if (r == 0)
        r = postgres_config_include(dir, CLUSTER_NEW);
    if (r == 0 && renameat(dir, CLUSTER_NEW, dir, CLUSTER) < 0)
        r = -errno;
    return r;
}

int postgres_setup(const struct site *site, int log_fd, struct strbuf *err)
{
    struct stat st;
    int r;

    if (fstatat(site->layout.dir_fd, CLUSTER, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    r = make_cluster(site, log_fd, err);
    if (r < 0 && !err->len)
        strbuf_setf(err, "%s/" CLUSTER ": %s", site->layout.shown, strerror(-r));
    return r;
}

pid_t postgres_running_pid(int data_dir_fd)
{
    _cleanup_strbuf_ struct strbuf text;
    struct stat cluster, cwd;
    struct span rest, line = SPAN_NONE;
    char path[64];
    uint32_t pid;

    strbuf_init(&text, 4096);
    if (file_read(data_dir_fd, CLUSTER "/postmaster.pid", &text) < 0)
        return 0;
    rest = strbuf_span(&text);
    if (!span_split(&rest, '\n', &line) || parse_u32(line, &pid) < 0)
        return 0;
    (void)snprintf(path, sizeof(path), "/proc/%u/cwd", pid);
    if (stat(path, &cwd) < 0 || fstatat(data_dir_fd, CLUSTER, &cluster, 0) < 0 ||
        cwd.st_ino != cluster.st_ino || cwd.st_dev != cluster.st_dev)
        return 0;
    return (pid_t)pid;
}

int postgres_prepare(const struct site *site, UNUSED unsigned instance, struct child_spec *spec,
                     struct strbuf *err)
{
    const int dir = site->layout.dir_fd;
    int r = postgres_config_write(site, dir, CLUSTER);
    char data[LAYOUT_PATH_MAX];

    if (r < 0) {
        strbuf_setf(err, "%s/" CLUSTER "/sluice.conf: %s", site->layout.shown, strerror(-r));
        return r;
    }
    /* PostgreSQL refuses to start while the pid in a stale file belongs to any process of this
     * user. */
    if (postgres_running_pid(dir) == 0)
        (void)unlinkat(dir, CLUSTER "/postmaster.pid", 0);
    r = begin_program(site, "postgres", spec, err);
    if (r < 0)
        return r;
    layout_path(&site->layout, CLUSTER, data);
    child_arg(spec, "-D");
    return child_argf(spec, "%s", data);
}

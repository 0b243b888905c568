#include "stack/nats_server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/number.h"
#include "stack/files.h"
#include "stack/nats_sizes.h"
#include "stack/servers.h"

#define PATH_SIZE 64
/* The limit is chosen at the first start and kept: nats-server 2.9 drops a stream at start when the
 * stream's reserved size no longer fits ("insufficient storage resources available"). */
#define LIMIT_NAME "max_file_store"
/* A disk that JetStream fills up stops it for good: leave room for everything else. */
#define SHARE_OF_FREE_PERCENT 70

const struct nats_server_ports nats_server_ports[NATS_SERVERS_MAX] = {
    { PORT_NATS, PORT_NATS_MONITOR, PORT_NATS_ROUTE },
    { PORT_NATS_2, PORT_NATS_2_MONITOR, PORT_NATS_2_ROUTE },
    { PORT_NATS_3, PORT_NATS_3_MONITOR, PORT_NATS_3_ROUTE },
};

unsigned nats_server_count(const struct site *site)
{
    if (!site->own_nats)
        return 0;
    return site->options.cluster ? NATS_SERVERS_MAX : 1;
}

/* "nats/<name>", "nats-2/<name>" */
static void path_of(bool cluster, unsigned instance, const char *name, char ret[PATH_SIZE])
{
    if (cluster)
        (void)snprintf(ret, PATH_SIZE, "nats-%u%s%s", instance, *name ? "/" : "", name);
    else
        (void)snprintf(ret, PATH_SIZE, "nats%s%s", *name ? "/" : "", name);
}

static bool replicas_set(void)
{
    const char *value = getenv("STREAM_REPLICAS");

    return value && *value;
}

int nats_server_check_settings(const struct site *site, struct strbuf *err)
{
    if (!site->options.cluster)
        return 0;
    if (!site->own_nats) {
        strbuf_setf(err, "--cluster starts three nats-servers, and NATS_URL names others: unset "
                         "NATS_URL, or leave --cluster away and set STREAM_REPLICAS for the "
                         "cluster that NATS_URL names");
        return -EINVAL;
    }
    if (replicas_set() && site->settings.stream_replicas > NATS_SERVERS_MAX) {
        strbuf_setf(err, "STREAM_REPLICAS=%u: the cluster has %d nats-servers",
                    (unsigned)site->settings.stream_replicas, NATS_SERVERS_MAX);
        return -EINVAL;
    }
    return 0;
}

/* ---- how much each may hold ---- */

static int free_bytes(const struct site *site, uint64_t *ret)
{
    struct statvfs fs;

    if (fstatvfs(site->layout.dir_fd, &fs) < 0)
        return -errno;
    *ret = (uint64_t)fs.f_bavail * fs.f_frsize;
    return 0;
}

/* All servers of a cluster have the limit that the first one's folder holds. */
static int read_limit(const struct site *site, uint64_t *ret)
{
    _cleanup_strbuf_ struct strbuf text;
    char path[PATH_SIZE];
    int r;

    strbuf_init(&text, 64);
    path_of(site->options.cluster, 1, LIMIT_NAME, path);
    r = file_read(site->layout.dir_fd, path, &text);
    return r < 0 ? r : parse_u64(span_trim(strbuf_span(&text)), ret);
}

static int choose_limit(const struct site *site, uint64_t available)
{
    const unsigned servers = MAX(nats_server_count(site), 1U);
    _cleanup_strbuf_ struct strbuf text;
    char path[PATH_SIZE];

    strbuf_init(&text, 64);
    path_of(site->options.cluster, 1, LIMIT_NAME, path);
    (void)strbuf_addu64(&text, available / 100 * SHARE_OF_FREE_PERCENT / servers);
    (void)strbuf_addc(&text, '\n');
    return file_replace(site->layout.dir_fd, path, strbuf_span(&text), /* durable= */ true);
}

static int settle_limit(const struct site *site, struct teller *teller, struct strbuf *err)
{
    uint64_t available = 0, limit = 0;
    int r = free_bytes(site, &available);

    if (r == 0)
        r = read_limit(site, &limit);
    if (r == -ENOENT)
        r = choose_limit(site, available);
    if (r < 0) {
        strbuf_setf(err, "%s: the limit of JetStream's store (" LIMIT_NAME "): %s",
                    site->layout.shown, strerror(-r));
        return r;
    }
    if (limit * nats_server_count(site) > available)
        tell(teller, LOG_WARN, "nats.disk",
             "the disk has less free room than JetStream's store may grow to",
             KV_UINT("freeBytes", available), KV_UINT("maxFileStore", limit),
             KV_STR("then", "starting all the same; free some room"));
    return 0;
}

/* ---- setting up ---- */

int nats_server_check_directory(const struct site *site, struct strbuf *err)
{
    const bool cluster = site->options.cluster;
    char other[PATH_SIZE];

    if (!site->own_nats)
        return 0;
    path_of(!cluster, 1, LIMIT_NAME, other);
    if (faccessat(site->layout.dir_fd, other, F_OK, 0) < 0)
        return 0;
    if (cluster)
        strbuf_setf(err,
                    "%s was started without --cluster before: its events are in the store of one "
                    "nats-server, which three would not find. Start it without --cluster, or give "
                    "the cluster a directory of its own with --data DIR",
                    site->layout.shown);
    else
        strbuf_setf(err,
                    "%s is the directory of a cluster: its events are in the stores of three "
                    "nats-servers, which one would not find. Start it with --cluster, or choose "
                    "another directory with --data DIR",
                    site->layout.shown);
    return -EEXIST;
}

static int make_folders(const struct site *site, struct strbuf *err)
{
    int r = 0;

    for (unsigned i = 1; r == 0 && i <= nats_server_count(site); i++) {
        char path[PATH_SIZE];

        path_of(site->options.cluster, i, "", path);
        r = dir_ensure(site->layout.dir_fd, path);
        if (r < 0)
            strbuf_setf(err, "%s/%s: %s", site->layout.shown, path, strerror(-r));
    }
    return r;
}

static int choose_sizes(const struct site *site, struct nats_sizes *ret, struct strbuf *err)
{
    uint64_t limit = 0;
    int r = read_limit(site, &limit);

    if (r < 0)
        return r;
    return nats_sizes_choose(limit, site->settings.stream_max_bytes, site->settings.dlq_max_bytes,
                             ret, err);
}

int nats_server_setup(const struct site *site, struct teller *teller, struct strbuf *err)
{
    struct nats_sizes sizes;
    int r = make_folders(site, err);

    if (r == 0)
        r = settle_limit(site, teller, err);
    if (r == 0 && site->options.cluster)
        r = choose_sizes(site, &sizes, err);
    return r;
}

int nats_server_tell_roles(const struct site *site, struct environment *env)
{
    _cleanup_strbuf_ struct strbuf unused;
    struct nats_sizes sizes = { 0 };
    char text[32];
    int r;

    strbuf_init(&unused, 1024);
    if (!site->own_nats || !site->options.cluster)
        return 0;
    r = choose_sizes(site, &sizes, &unused);
    (void)snprintf(text, sizeof(text), "%" PRIu64, sizes.stream_bytes);
    if (r == 0)
        r = environment_set(env, "STREAM_MAX_BYTES", text);
    (void)snprintf(text, sizeof(text), "%" PRIu64, sizes.dlq_bytes);
    if (r == 0)
        r = environment_set(env, "DLQ_MAX_BYTES", text);
    (void)snprintf(text, sizeof(text), "%d", NATS_SERVERS_MAX);
    if (r == 0 && !replicas_set())
        r = environment_set(env, "STREAM_REPLICAS", text);
    return r;
}

/* ---- starting ---- */

/* The names MUST stay as they are, whatever the ports: in a cluster the copies of a stream belong
 * to servers by name. Nothing is advertised: clients know all three, and how to log in there. */
static void add_cluster(const struct site *site, unsigned instance, const char *secret,
                        struct strbuf *text)
{
    (void)strbuf_addf(text,
                      "cluster {\n"
                      "    name: \"sluice\"\n"
                      "    listen: \"127.0.0.1:%u\"\n"
                      "    no_advertise: true\n"
                      "    authorization { user: \"sluice\", password: \"%s\", timeout: 5 }\n"
                      "    routes: [\n",
                      site->port[nats_server_ports[instance - 1].route], secret);
    for (unsigned i = 0; i < NATS_SERVERS_MAX; i++)
        if (i != instance - 1)
            (void)strbuf_addf(text, "        \"nats-route://sluice:%s@127.0.0.1:%u\"\n", secret,
                              site->port[nats_server_ports[i].route]);
    (void)strbuf_adds(text, "    ]\n}\n");
}

static void add_name(const struct site *site, unsigned instance, struct strbuf *text)
{
    if (site->options.cluster)
        (void)strbuf_addf(text, "server_name: \"nats-%u\"\n", instance);
    else
        (void)strbuf_addf(text, "server_name: \"sluice-%u\"\n", site->port[PORT_NATS]);
}

static int write_config(const struct site *site, unsigned instance, const char *path,
                        struct strbuf *err)
{
    const struct nats_server_ports *ports = &nats_server_ports[instance - 1];
    _cleanup_strbuf_ struct strbuf text;
    char secret[SECRET_MAX], folder[PATH_SIZE];
    uint64_t limit = 0;
    int r = site_secret(site, "nats", secret, err);

    strbuf_init(&text, 4096);
    if (r == 0)
        r = read_limit(site, &limit);
    if (r < 0)
        return r;
    path_of(site->options.cluster, instance, "", folder);
    (void)strbuf_adds(&text, "# Written by sluice up at each start.\n");
    add_name(site, instance, &text);
    /* store_dir is relative to the working directory, which is the data directory. */
    (void)strbuf_addf(&text,
                      "listen: \"127.0.0.1:%u\"\n"
                      "http: \"127.0.0.1:%u\"\n"
                      "authorization { user: \"sluice\", password: \"%s\" }\n"
                      "jetstream {\n"
                      "    store_dir: \"%s\"\n"
                      "    max_memory_store: 67108864\n"
                      "    max_file_store: %" PRIu64 "\n"
                      "}\n",
                      site->port[ports->client], site->port[ports->monitor], secret, folder, limit);
    if (site->options.cluster)
        add_cluster(site, instance, secret, &text);
    r = strbuf_error(&text);
    return r < 0 ? r
                 : file_replace(site->layout.dir_fd, path, strbuf_span(&text),
                                /* durable= */ false);
}

int nats_server_prepare(const struct site *site, unsigned instance, struct child_spec *spec,
                        struct strbuf *err)
{
    static const char *const places[] = { "/usr/sbin/nats-server", "/usr/bin/nats-server",
                                          "/usr/local/bin/nats-server", NULL };
    const char *program = server_find_program(places, "nats-server", err);
    char config[PATH_SIZE];
    int r;

    if (!program)
        return -ENOENT;
    path_of(site->options.cluster, instance, "nats.conf", config);
    r = write_config(site, instance, config, err);
    if (r < 0)
        return r;
    child_arg(spec, program);
    child_arg(spec, "-c");
    r = child_argf(spec, "%s", config);
    return r < 0 ? r : server_environment(site, &spec->env);
}

#include "stack/nats_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/number.h"
#include "stack/files.h"
#include "stack/servers.h"

#define CONFIG_FILE "nats/nats.conf"
/* The limit is chosen at the first start and kept: nats-server 2.9 drops a stream at start when the
 * stream's reserved size no longer fits ("insufficient storage resources available"). */
#define LIMIT_FILE "nats/max_file_store"
/* A disk that JetStream fills up stops it for good: leave room for everything else. */
#define SHARE_OF_FREE_PERCENT 70

static int free_bytes(const struct site *site, uint64_t *ret)
{
    struct statvfs fs;

    if (fstatvfs(site->layout.dir_fd, &fs) < 0)
        return -errno;
    *ret = (uint64_t)fs.f_bavail * fs.f_frsize;
    return 0;
}

static int read_limit(const struct site *site, uint64_t *ret)
{
    _cleanup_strbuf_ struct strbuf text;
    int r;

    strbuf_init(&text, 64);
    r = file_read(site->layout.dir_fd, LIMIT_FILE, &text);
    return r < 0 ? r : parse_u64(span_trim(strbuf_span(&text)), ret);
}

static int choose_limit(const struct site *site, uint64_t available)
{
    _cleanup_strbuf_ struct strbuf text;

    strbuf_init(&text, 64);
    (void)strbuf_addu64(&text, available / 100 * SHARE_OF_FREE_PERCENT);
    (void)strbuf_addc(&text, '\n');
    return file_replace(site->layout.dir_fd, LIMIT_FILE, strbuf_span(&text), /* durable= */ true);
}

int nats_server_setup(const struct site *site, struct teller *teller, struct strbuf *err)
{
    uint64_t available = 0, limit = 0;
    int r = free_bytes(site, &available);

    if (r == 0)
        r = read_limit(site, &limit);
    if (r == -ENOENT)
        r = choose_limit(site, available);
    if (r < 0) {
        strbuf_setf(err, "%s/" LIMIT_FILE ": %s", site->layout.shown, strerror(-r));
        return r;
    }
    if (limit > available)
        tell(teller, LOG_WARN, "nats.disk",
             "the disk has less free room than JetStream's store may grow to",
             KV_UINT("freeBytes", available), KV_UINT("maxFileStore", limit),
             KV_STR("then", "starting all the same; free some room"));
    return 0;
}

static int write_config(const struct site *site, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf text;
    char secret[SECRET_MAX];
    uint64_t limit = 0;
    int r = site_secret(site, "nats", secret, err);

    strbuf_init(&text, 4096);
    if (r == 0)
        r = read_limit(site, &limit);
    if (r < 0)
        return r;
    /* store_dir is relative to the working directory, which is the data directory. */
    (void)strbuf_addf(&text,
                      "# Written by sluice up at each start.\n"
                      "server_name: \"sluice-%u\"\n"
                      "listen: \"127.0.0.1:%u\"\n"
                      "http: \"127.0.0.1:%u\"\n"
                      "authorization { user: \"sluice\", password: \"%s\" }\n"
                      "jetstream {\n"
                      "    store_dir: \"nats\"\n"
                      "    max_memory_store: 67108864\n"
                      "    max_file_store: %llu\n"
                      "}\n",
                      site->port[PORT_NATS], site->port[PORT_NATS], site->port[PORT_NATS_MONITOR],
                      secret, (unsigned long long)limit);
    r = strbuf_error(&text);
    return r < 0 ? r
                 : file_replace(site->layout.dir_fd, CONFIG_FILE, strbuf_span(&text),
                                /* durable= */ false);
}

/* Where Go's scheduler has several processors it hands each message from one to the next, which
 * costs a quarter of the server's time (docs/performance.md). Half of them are for those around it.
 */
static int share_processors(struct environment *env)
{
    char count[24];

    (void)snprintf(count, sizeof(count), "%ld", MAX(sysconf(_SC_NPROCESSORS_ONLN) / 2, 1L));
    return environment_set(env, "GOMAXPROCS", count);
}

int nats_server_prepare(const struct site *site, struct child_spec *spec, struct strbuf *err)
{
    static const char *const places[] = { "/usr/sbin/nats-server", "/usr/bin/nats-server",
                                          "/usr/local/bin/nats-server", NULL };
    const char *program = server_find_program(places, "nats-server", err);
    int r;

    if (!program)
        return -ENOENT;
    r = write_config(site, err);
    if (r < 0)
        return r;
    child_arg(spec, program);
    child_arg(spec, "-c");
    child_arg(spec, CONFIG_FILE);
    r = server_environment(site, &spec->env);
    return r < 0 ? r : share_processors(&spec->env);
}

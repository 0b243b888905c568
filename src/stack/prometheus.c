#include "stack/prometheus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/embedded.h"
#include "stack/files.h"
#include "stack/servers.h"

#define FOLDER "prometheus/"
#define CONFIG_FILE "prometheus.yml"

extern const struct embedded_file sluice_prometheus_rules[];

static int write_file(const struct site *site, const char *name, struct span content,
                      struct strbuf *err)
{
    char path[128];
    int r = snprintf(path, sizeof(path), FOLDER "%s", name) < (int)sizeof(path)
                ? file_replace(site->layout.dir_fd, path, content, /* durable= */ false)
                : -ENAMETOOLONG;

    if (r < 0)
        strbuf_setf(err, "%s/" FOLDER "%s: %s", site->layout.shown, name, strerror(-r));
    return r;
}

/* They are named one by one: an older version's, left in the folder, do not count. */
static int write_rules(const struct site *site, struct strbuf *config, struct strbuf *err)
{
    int r = dir_ensure(site->layout.dir_fd, FOLDER "rules");

    if (r < 0)
        strbuf_setf(err, "%s/" FOLDER "rules: %s", site->layout.shown, strerror(-r));
    (void)strbuf_adds(config, "rule_files:\n");
    for (const struct embedded_file *f = sluice_prometheus_rules; r == 0 && f->name; f++) {
        char name[96];

        (void)snprintf(name, sizeof(name), "rules/%s", f->name);
        (void)strbuf_addf(config, "  - \"%s\"\n", name);
        r = write_file(site, name, span_of(f->begin, (size_t)(f->end - f->begin)), err);
    }
    return r;
}

static void add_targets(struct strbuf *config, const struct prometheus_target *targets,
                        size_t count)
{
    const char *job = "";

    (void)strbuf_adds(config, "scrape_configs:\n");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(job, targets[i].job) != 0)
            (void)strbuf_addf(config,
                              "  - job_name: \"%s\"\n"
                              "    static_configs:\n"
                              "      - targets:\n",
                              targets[i].job);
        job = targets[i].job;
        (void)strbuf_addf(config, "          - \"127.0.0.1:%u\"\n", targets[i].port);
    }
}

int prometheus_setup(const struct site *site, const struct prometheus_target *targets, size_t count,
                     struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf config;
    int r;

    strbuf_init(&config, 65536);
    (void)strbuf_adds(&config, "# Written by sluice up at each start.\n"
                               "global:\n"
                               "  scrape_interval: 5s\n"
                               "  scrape_timeout: 4s\n"
                               "  evaluation_interval: 5s\n");
    r = write_rules(site, &config, err);
    add_targets(&config, targets, count);
    if (r < 0)
        return r;
    r = strbuf_error(&config);
    if (r < 0)
        strbuf_setf(err, "%s/" FOLDER CONFIG_FILE ": %s", site->layout.shown, strerror(-r));
    return r < 0 ? r : write_file(site, CONFIG_FILE, strbuf_span(&config), err);
}

int prometheus_prepare(const struct site *site, UNUSED unsigned instance, struct child_spec *spec,
                       struct strbuf *err)
{
    static const char *const places[] = { "/usr/bin/prometheus", "/usr/local/bin/prometheus",
                                          NULL };
    const char *program = server_find_program(places, "prometheus", err);
    int r;

    if (!program)
        return -ENOENT;
    child_arg(spec, program);
    r = child_argf(spec, "--web.listen-address=127.0.0.1:%u", site->port[PORT_PROMETHEUS]);
    if (r < 0)
        return r;
    child_arg(spec, "--config.file=" FOLDER CONFIG_FILE);
    child_arg(spec, "--storage.tsdb.path=prometheus/data");
    child_arg(spec, "--storage.tsdb.retention.time=15d");
    child_arg(spec, "--storage.tsdb.retention.size=1GB");
    return server_environment(site, &spec->env);
}

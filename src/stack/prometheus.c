#include "stack/prometheus.h"

#include <errno.h>
#include <string.h>

#include "stack/files.h"
#include "stack/servers.h"

#define CONFIG_FILE "prometheus/prometheus.yml"

int prometheus_setup(const struct site *site, const struct prometheus_target *targets, size_t count,
                     struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf text;
    const char *job = "";
    int r;

    strbuf_init(&text, 65536);
    (void)strbuf_adds(&text, "# Written by sluice up at each start.\n"
                             "global:\n"
                             "  scrape_interval: 5s\n"
                             "  scrape_timeout: 4s\n"
                             "scrape_configs:\n");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(job, targets[i].job) != 0)
            (void)strbuf_addf(&text,
                              "  - job_name: \"%s\"\n"
                              "    static_configs:\n"
                              "      - targets:\n",
                              targets[i].job);
        job = targets[i].job;
        (void)strbuf_addf(&text, "          - \"127.0.0.1:%u\"\n", targets[i].port);
    }
    r = strbuf_error(&text);
    if (r == 0)
        r = file_replace(site->layout.dir_fd, CONFIG_FILE, strbuf_span(&text),
                         /* durable= */ false);
    if (r < 0)
        strbuf_setf(err, "%s/" CONFIG_FILE ": %s", site->layout.shown, strerror(-r));
    return r;
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
    child_arg(spec, "--config.file=" CONFIG_FILE);
    child_arg(spec, "--storage.tsdb.path=prometheus/data");
    child_arg(spec, "--storage.tsdb.retention.time=15d");
    child_arg(spec, "--storage.tsdb.retention.size=1GB");
    return server_environment(site, &spec->env);
}

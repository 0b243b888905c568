/*
 * `sluice health`: asks a role on this machine whether it is ready, for whatever watches processes
 * and has no HTTP client: HEALTHCHECK of a container, a script. In a container the role need not be
 * named: it is what process 1 was started as.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/readiness.h"
#include "base/clock.h"
#include "event/json.h"
#include "load/http_load.h"
#include "service/settings.h"

#define TIMEOUT_USEC (3 * USEC_PER_SEC)
#define ANSWER_MAX_BYTES 65536
#define TEXT_MAX 4096
#define CMDLINE_MAX 4096

enum { EXIT_READY = 0, EXIT_NOT_READY = 1, EXIT_USAGE = 2 };

static const struct readiness_role *role_of_first_process(void)
{
    char cmdline[CMDLINE_MAX];
    FILE *file = fopen("/proc/1/cmdline", "re");
    size_t len = file ? fread(cmdline, 1, sizeof(cmdline), file) : 0;

    if (file)
        (void)fclose(file);
    return readiness_role_of(span_of(cmdline, len));
}

static int choose_role(int argc, char **argv, const struct readiness_role **ret, struct strbuf *err)
{
    if (argc > 2) {
        strbuf_setf(err, "takes one role: '%s' is one too many", argv[2]);
        return -EINVAL;
    }
    *ret = argc == 2 ? readiness_role_find(span_str(argv[1])) : role_of_first_process();
    if (*ret)
        return 0;
    if (argc == 2)
        strbuf_setf(err, "no role '%s'; takes gateway, fb-collector, ttk-collector or reporter",
                    argv[1]);
    else
        strbuf_setf(err, "which role? Process 1 is none; name gateway, fb-collector, ttk-collector "
                         "or reporter");
    return -EINVAL;
}

static int ask(const struct readiness_role *role, const struct settings *s, struct strbuf *err)
{
    uint32_t port = s->port ? s->port : role->default_port;
    _cleanup_strbuf_ struct strbuf url, body, why;
    long status = 0;
    int r;

    strbuf_init(&url, TEXT_MAX);
    strbuf_init(&body, ANSWER_MAX_BYTES);
    strbuf_init(&why, TEXT_MAX / 2);
    readiness_url(s->host, port, &url);
    r = http_get(url.ptr, TIMEOUT_USEC, &status, &body, &why);
    if (r == 0 && status == 200) {
        printf("%s on port %u is ready\n", role->name, port);
        return EXIT_READY;
    }
    if (r < 0 || status == 0) {
        strbuf_setf(err, "%s does not answer: %s", role->name, why.len ? why.ptr : strerror(-r));
        return EXIT_NOT_READY;
    }
    strbuf_setf(&why, "it answers %ld", status);
    if (strbuf_reserve(&body, JSON_PADDING) == 0)
        readiness_explain(strbuf_span(&body), &why);
    strbuf_setf(err, "%s on port %u is not ready: %s", role->name, port, why.ptr);
    return EXIT_NOT_READY;
}

int admin_health(int argc, char **argv)
{
    const struct settings_command command = {
        .usage = "sluice health [ROLE] [flags]",
        .about = "Asks a role on this machine whether it is ready: gateway, fb-collector, "
                 "ttk-collector or reporter; without ROLE, the role that process 1 is (in a "
                 "container). Exits 0 when it is, else 1 and says why.",
        .takes_arguments = true,
    };
    _cleanup_(settings_release) struct settings settings = { 0 };
    const struct readiness_role *role;
    _cleanup_strbuf_ struct strbuf err;
    int status = EXIT_USAGE, r;

    strbuf_init(&err, TEXT_MAX);
    r = settings_load(&settings, ROLE_HEALTH, &argc, argv, &command, &err);
    if (r > 0)
        return EXIT_READY;
    if (r == 0)
        r = choose_role(argc, argv, &role, &err);
    if (r == 0)
        status = ask(role, &settings, &err);
    if (status != EXIT_READY)
        fprintf(stderr, "sluice health: %s\n", err.len ? err.ptr : "out of memory");
    return status;
}

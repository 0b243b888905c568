#include "admin/trial/flags.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/target.h"
#include "base/number.h"
#include "load/http_load.h"

#define CONNECTIONS_MAX 256
#define CONNECTIONS_DEFAULT 4

/* Takes a base URL, without slashes at its end. */
static int take_url(const struct settings_flag *flag, char ret[TRIAL_URL_MAX], struct strbuf *err)
{
    size_t len = strlen(flag->value);
    int r = http_url_check(flag->value, err);

    if (r < 0)
        return r;
    if (len >= TRIAL_URL_MAX) {
        strbuf_setf(err, "%s: longer than %d bytes", flag->name, TRIAL_URL_MAX - 1);
        return -EINVAL;
    }
    memcpy(ret, flag->value, len + 1);
    while (len > 0 && ret[len - 1] == '/')
        ret[--len] = '\0';
    return 0;
}

static int take_urls(struct trial *t, const struct settings_flag *flags, struct strbuf *err)
{
    const struct settings_flag *data = &flags[TRIAL_DATA];
    struct target target = { .count = 0 };
    int r = 0;

    if (!flags[TRIAL_GATEWAY].value || !flags[TRIAL_REPORTER].value)
        r = target_look(data->value ? data->value : "var", &target, err);
    if (r < 0)
        return r;
    (void)snprintf(t->gateway, sizeof(t->gateway), "http://127.0.0.1:%u",
                   target_port(&target, "gateway", 3000));
    (void)snprintf(t->reporter, sizeof(t->reporter), "http://127.0.0.1:%u",
                   target_port(&target, "reporter", 3003));
    if (flags[TRIAL_GATEWAY].value)
        r = take_url(&flags[TRIAL_GATEWAY], t->gateway, err);
    if (r == 0 && flags[TRIAL_REPORTER].value)
        r = take_url(&flags[TRIAL_REPORTER], t->reporter, err);
    return r;
}

int trial_take_u64(const struct settings_flag *flag, uint64_t low, uint64_t high, uint64_t *ret,
                   struct strbuf *err)
{
    uint64_t value;

    if (!flag->value)
        return 0;
    if (parse_u64(span_str(flag->value), &value) < 0 || value < low || value > high) {
        strbuf_setf(err, "%s=%s: takes a whole number from %" PRIu64 " to %" PRIu64, flag->name,
                    flag->value, low, high);
        return -EINVAL;
    }
    *ret = value;
    return 0;
}

int trial_take_flags(struct trial *t, const struct settings_flag *flags, struct strbuf *err)
{
    uint64_t connections = CONNECTIONS_DEFAULT;
    int r = trial_take_u64(&flags[TRIAL_CONNECTIONS], 1, CONNECTIONS_MAX, &connections, err);

    if (r < 0)
        return r;
    t->connections = (uint32_t)connections;
    t->json = flags[TRIAL_JSON].value != NULL;
    return take_urls(t, flags, err);
}

int trial_command(struct trial *t, trial_load_fn load, int argc, char **argv)
{
    const char *name = argv[0];
    struct settings settings = { 0 };
    _cleanup_strbuf_ struct strbuf err;
    int r;

    strbuf_init(&err, 4096);
    r = load(t, &settings, argc, argv, &err);
    settings_release(&settings);
    if (r > 0)
        return 0; /* --help */
    if (r == 0)
        return trial_run(t);
    fprintf(stderr, "sluice %s: %s\n", name, err.ptr);
    return 2;
}

/* The table as text: --help, env.example, docs/settings.md and the log line at start. */
#include <errno.h>
#include <stdio.h>

#include "service/settings_table.h"

static const struct {
    unsigned role;
    const char *name;
} role_names[] = {
    { ROLE_GATEWAY, "gateway" },
    { ROLE_FB_COLLECTOR, "fb-collector" },
    { ROLE_TTK_COLLECTOR, "ttk-collector" },
    { ROLE_REPORTER, "reporter" },
    { ROLE_PUBLISHER, "publisher" },
    { ROLE_MIGRATE, "migrate" },
    { ROLE_INIT, "init" },
    { ROLE_ADMIN, "operator's commands" },
    { ROLE_STACK, "up" },
    { ROLE_HEALTH, "health" },
};

static void add_roles(struct strbuf *out, unsigned roles)
{
    const char *sep = "";
    unsigned all = 0;

    for (size_t i = 0; i < ARRAY_SIZE(role_names); i++)
        all |= role_names[i].role;
    if ((roles & all) == all) {
        (void)strbuf_adds(out, "all");
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(role_names); i++) {
        if (!(roles & role_names[i].role))
            continue;
        (void)strbuf_addf(out, "%s%s", sep, role_names[i].name);
        sep = ", ";
    }
}

static void help_own_flags(struct strbuf *out, const struct settings_command *command)
{
    if (!command->flags || !command->flags->name)
        return;
    (void)strbuf_adds(out, "\nFlags:\n");
    for (const struct settings_flag *f = command->flags; f->name; f++)
        (void)strbuf_addf(out, "  %s%s%s\n      %s\n", f->name, f->argument ? " " : "",
                          f->argument ? f->argument : "", f->help);
}

static void help_option(struct strbuf *out, const struct settings_option *opt)
{
    (void)strbuf_adds(out, "  ");
    settings_flag_name(opt, out);
    (void)strbuf_addf(out, "  (%s%s%s; default: %s)\n      %s: ", opt->name, opt->alias ? ", " : "",
                      opt->alias ? opt->alias : "",
                      opt->default_text[0] ? opt->default_text : "empty", opt->help);
    settings_describe(opt, out);
    (void)strbuf_addc(out, '\n');
}

void settings_print_help(enum role role, const struct settings_command *command, struct strbuf *out)
{
    (void)strbuf_addf(out, "usage: %s\n\n%s\n", command->usage, command->about);
    help_own_flags(out, command);
    (void)strbuf_adds(out, "\nSettings (a flag, else the environment, else .env, else the "
                           "default):\n");
    for (size_t i = 0; i < settings_option_count; i++)
        if (settings_options[i].roles & role)
            help_option(out, &settings_options[i]);
    (void)strbuf_adds(out, "  --env-file PATH\n      read this file instead of .env\n"
                           "  --help\n      print this\n");
}

/* No settings of a role: docker-compose.yml takes them. The sample passwords are known to
 * deploy/containers/check-secrets. */
static const char compose_variables[] = "\n# For docker compose alone (docs/containers.md): "
                                        "passwords, which production refuses as they "
                                        "are here,\n# and what is open on this machine.\n"
                                        "POSTGRES_PASSWORD=change-me\n"
                                        "NATS_PASSWORD=change-me\n"
                                        "GRAFANA_PASSWORD=change-me\n"
                                        "#BIND_ADDRESS=127.0.0.1\n"
                                        "#GATEWAY_PORT=3000\n"
                                        "#REPORTER_PORT=3003\n"
                                        "#PROMETHEUS_PORT=9090\n"
                                        "#GRAFANA_PORT=3010\n";

int settings_print_env_example(struct strbuf *out)
{
    (void)strbuf_adds(out, "# Settings of Sluice with their defaults: copy to .env and change what "
                           "you need.\n# Made by `sluice settings --env-example`.\n");
    for (size_t i = 0; i < settings_option_count; i++) {
        const struct settings_option *opt = &settings_options[i];

        (void)strbuf_addf(out, "\n# %s.\n# It takes ", opt->help);
        settings_describe(opt, out);
        (void)strbuf_adds(out, ". For: ");
        add_roles(out, opt->roles);
        (void)strbuf_addf(out, "\n#%s=%s\n", opt->name, opt->default_text);
    }
    (void)strbuf_adds(out, compose_variables);
    return strbuf_error(out);
}

int settings_print_markdown(struct strbuf *out)
{
    (void)strbuf_adds(
        out, "# Settings\n\n"
             "<!-- Made by `sluice settings --markdown`; a unit test keeps it true. -->\n\n"
             "A setting comes from, first wins: a flag (`--log-level debug`), the "
             "environment (`LOG_LEVEL`), the file `.env`\n(or `--env-file`), the default. "
             "A wrong value is an error at start.\n\n"
             "| setting | default | what it is | takes | for |\n"
             "|---|---|---|---|---|\n");
    for (size_t i = 0; i < settings_option_count; i++) {
        const struct settings_option *opt = &settings_options[i];

        (void)strbuf_addf(out, "| `%s`", opt->name);
        if (opt->alias)
            (void)strbuf_addf(out, " (`%s`)", opt->alias);
        (void)strbuf_addf(out, " | %s%s%s | %s | ", opt->default_text[0] ? "`" : "",
                          opt->default_text, opt->default_text[0] ? "`" : "", opt->help);
        settings_describe(opt, out);
        (void)strbuf_adds(out, " | ");
        add_roles(out, opt->roles);
        (void)strbuf_adds(out, " |\n");
    }
    return strbuf_error(out);
}

#define LOGGED_MAX 64
#define LOGGED_VALUE_MAX 200

void settings_log(const struct settings *s, enum role role, struct log *log)
{
    struct log_kv kv[LOGGED_MAX] = { 0 };
    struct strbuf values[LOGGED_MAX];
    size_t n = 0;

    if (!log_enabled(log, LOG_INFO))
        return;
    for (size_t i = 0; i < settings_option_count && n < LOGGED_MAX; i++) {
        if (!(settings_options[i].roles & role))
            continue;
        strbuf_init(&values[n], LOGGED_VALUE_MAX);
        settings_show(s, &settings_options[i], &values[n]);
        kv[n] = KV_BUF(settings_options[i].name, &values[n]);
        n++;
    }
    log_write(log, LOG_INFO, "settings", "the settings in force", kv, n);
    for (size_t i = 0; i < n; i++)
        strbuf_release(&values[i]);
}

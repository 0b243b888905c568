/* Loads the settings of one role: defaults first, then .env, environment and flags, each of them
 * checked whole, so that a wrong value is an error even where a stronger source hides it. */
#include "service/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/dotenv.h"
#include "service/settings_table.h"

#define HELP_MAX_BYTES (64 * 1024)

/* Sets one option and words the error. `source` is where the text came from, for a person. */
static int set_from(struct settings *s, const struct settings_option *opt, struct span text,
                    const char *source, struct strbuf *err)
{
    int r = settings_set(s, opt, text);

    if (r >= 0)
        return 0;
    if (r == -ENOMEM) {
        strbuf_setf(err, "out of memory");
        return r;
    }
    if (opt->flags & OPT_SECRET)
        strbuf_setf(err, "%s (from %s) is wrong: it takes ", opt->name, source);
    else
        strbuf_setf(err, "%s is '%.*s' (from %s): it takes ", opt->name, SPAN_ARG(text), source);
    settings_describe(opt, err);
    return r;
}

static int set_defaults(struct settings *s, struct strbuf *err)
{
    for (size_t i = 0; i < settings_option_count; i++) {
        const struct settings_option *opt = &settings_options[i];
        int r = set_from(s, opt, span_str(opt->default_text), "the default", err);

        if (r < 0)
            return r;
    }
    return 0;
}

static const struct dotenv_entry *find_entry(const struct dotenv *d,
                                             const struct settings_option *opt)
{
    const struct dotenv_entry *e = dotenv_find(d, opt->name);

    return e || !opt->alias ? e : dotenv_find(d, opt->alias);
}

static int set_from_dotenv(struct settings *s, enum role role, const struct dotenv *d,
                           const char *path, struct strbuf *err)
{
    for (size_t i = 0; i < settings_option_count; i++) {
        const struct settings_option *opt = &settings_options[i];
        const struct dotenv_entry *e = opt->roles & role ? find_entry(d, opt) : NULL;
        _cleanup_strbuf_ struct strbuf source;
        int r;

        strbuf_init(&source, 512);
        if (!e)
            continue;
        strbuf_setf(&source, "%s line %u", path, e->line);
        r = set_from(s, opt, e->value, source.ptr, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int set_from_environment(struct settings *s, enum role role, struct strbuf *err)
{
    for (size_t i = 0; i < settings_option_count; i++) {
        const struct settings_option *opt = &settings_options[i];
        const char *value = opt->roles & role ? getenv(opt->name) : NULL;
        int r;

        if (!value && opt->roles & role && opt->alias)
            value = getenv(opt->alias);
        if (!value)
            continue;
        r = set_from(s, opt, span_str(value), "the environment", err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The command line, walked twice: once for --help and --env-file, which decide what is read at all,
 * and once to set values over what was read. */
struct flags {
    struct settings *settings; /* NULL on the first walk */
    enum role role;
    const struct settings_command *command;
    const char *env_file; /* NULL = not given */
    bool help;
    struct strbuf *err;
};

struct flag {
    struct span name;   /* "--log-level" */
    const char *joined; /* behind the "=", or NULL */
};

static struct flag split_flag(const char *arg)
{
    const char *eq = strchr(arg, '=');

    if (!eq)
        return (struct flag){ span_str(arg), NULL };
    return (struct flag){ span_of(arg, (size_t)(eq - arg)), eq + 1 };
}

/* The flag's value: behind the "=", or the next word, which *at then moves over. */
static int flag_value(struct flags *f, struct flag flag, int argc, char **argv, int *at,
                      const char **ret)
{
    if (!flag.joined && *at + 1 >= argc) {
        strbuf_setf(f->err, "%.*s needs a value", SPAN_ARG(flag.name));
        return -EINVAL;
    }
    *ret = flag.joined ? flag.joined : argv[++*at];
    return 0;
}

static struct settings_flag *find_own(const struct flags *f, struct span name)
{
    for (struct settings_flag *own = f->command->flags; own && own->name; own++)
        if (span_eq(span_str(own->name), name))
            return own;
    return NULL;
}

static const struct settings_option *find_option(const struct flags *f, struct span name)
{
    for (size_t i = 0; i < settings_option_count; i++) {
        _cleanup_strbuf_ struct strbuf text;

        strbuf_init(&text, 64);
        if (!(settings_options[i].roles & f->role))
            continue;
        settings_flag_name(&settings_options[i], &text);
        if (span_eq(strbuf_span(&text), name))
            return &settings_options[i];
    }
    return NULL;
}

static int take_own(struct flags *f, struct settings_flag *own, struct flag flag, int argc,
                    char **argv, int *at)
{
    if (own->argument)
        return flag_value(f, flag, argc, argv, at, &own->value);
    if (flag.joined) {
        strbuf_setf(f->err, "%s takes no value", own->name);
        return -EINVAL;
    }
    own->value = "";
    return 0;
}

static int take_flag(struct flags *f, int argc, char **argv, int *at)
{
    struct flag flag = split_flag(argv[*at]);
    struct settings_flag *own = find_own(f, flag.name);
    const struct settings_option *opt;
    const char *value;
    int r;

    if (own)
        return take_own(f, own, flag, argc, argv, at);
    if (span_eq(flag.name, SPAN("--help")) || span_eq(flag.name, SPAN("-h"))) {
        f->help = true;
        return 0;
    }
    if (span_eq(flag.name, SPAN("--env-file")))
        return flag_value(f, flag, argc, argv, at, &f->env_file);
    opt = find_option(f, flag.name);
    if (!opt) {
        strbuf_setf(f->err, "unknown flag %.*s; %s --help lists them", SPAN_ARG(flag.name),
                    argv[0]);
        return -EINVAL;
    }
    r = flag_value(f, flag, argc, argv, at, &value);
    if (r < 0 || !f->settings)
        return r;
    return set_from(f->settings, opt, span_str(value), argv[*at][0] == '-' ? argv[*at] : "a flag",
                    f->err);
}

/* Words without dashes, and all behind "--", are arguments: moved to the front of argv. */
static int walk(struct flags *f, int argc, char **argv, int *ret_words)
{
    bool only_words = false;
    int words = 1;

    for (int at = 1; at < argc; at++) {
        bool word = only_words || argv[at][0] != '-' || argv[at][1] == '\0';
        int r;

        if (!word && strcmp(argv[at], "--") == 0) {
            only_words = true;
            continue;
        }
        if (word && !f->command->takes_arguments) {
            strbuf_setf(f->err, "%s takes no argument: '%s'", argv[0], argv[at]);
            return -EINVAL;
        }
        if (word) {
            if (f->settings)
                argv[words] = argv[at];
            words++;
            continue;
        }
        r = take_flag(f, argc, argv, &at);
        if (r < 0)
            return r;
    }
    *ret_words = words;
    return 0;
}

static int print_help(enum role role, const struct settings_command *command)
{
    _cleanup_strbuf_ struct strbuf help;

    strbuf_init(&help, HELP_MAX_BYTES);
    settings_print_help(role, command, &help);
    if (strbuf_error(&help) || fwrite(help.ptr, 1, help.len, stdout) != help.len)
        return -EIO;
    return fflush(stdout) ? -errno : 1;
}

static int load_dotenv(struct settings *s, enum role role, const char *path, struct strbuf *err)
{
    struct dotenv d;
    int r;

    dotenv_init(&d);
    r = dotenv_read(&d, path ? path : ".env", err);
    if (r >= 0) {
        r = set_from_dotenv(s, role, &d, path ? path : ".env", err);
    } else if (r == -ENOENT && !path) {
        strbuf_reset(err); /* it need not be there */
        r = 0;
    }
    dotenv_release(&d);
    return r;
}

/* What one row alone cannot say. */
static int settle(struct settings *s, struct strbuf *err)
{
    if (s->inflight_max_bytes < s->body_max_bytes) {
        strbuf_setf(err,
                    "INFLIGHT_MAX_BYTES (%" PRIu64 ") is less than BODY_MAX_BYTES (%" PRIu64
                    "): the largest body could never be taken",
                    s->inflight_max_bytes, s->body_max_bytes);
        return -EINVAL;
    }
    if (s->report_database_url[0])
        return 0;
    free(s->report_database_url);
    s->report_database_url = strdup(s->database_url);
    return s->report_database_url ? 0 : -ENOMEM;
}

int settings_load(struct settings *s, enum role role, int *argc, char **argv,
                  const struct settings_command *command, struct strbuf *err)
{
    struct flags f = { .role = role, .command = command, .err = err };
    int words, r;

    *s = (struct settings){ 0 };
    r = set_defaults(s, err);
    if (r < 0)
        return r;
    r = walk(&f, *argc, argv, &words);
    if (r < 0)
        return r;
    if (f.help) {
        r = print_help(role, command);
        if (r < 0)
            strbuf_setf(err, "cannot print the help: %s", strerror(-r));
        return r;
    }
    r = load_dotenv(s, role, f.env_file, err);
    if (r < 0)
        return r;
    r = set_from_environment(s, role, err);
    if (r < 0)
        return r;
    f.settings = s;
    r = walk(&f, *argc, argv, &words);
    if (r < 0)
        return r;
    *argc = words;
    return settle(s, err);
}

void settings_release(struct settings *s)
{
    for (size_t i = 0; i < settings_option_count; i++) {
        const struct settings_option *opt = &settings_options[i];

        if (opt->type == SETTING_STRING || opt->type == SETTING_CURRENCY)
            free(*(char **)(void *)((char *)s + opt->offset));
    }
    *s = (struct settings){ 0 };
}

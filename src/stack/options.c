#include "stack/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/span.h"
#include "stack/ports.h"

#define PORT_LOWEST 1024
#define LINES_DEFAULT 100

static const char *const scaled_role_names[SCALE_COUNT] = {
    [SCALE_GATEWAY] = "gateway",
    [SCALE_FB_COLLECTOR] = "fb-collector",
    [SCALE_TTK_COLLECTOR] = "ttk-collector",
    [SCALE_REPORTER] = "reporter",
};

/* What --scale leaves unsaid. */
static const uint32_t scale_of_cluster[SCALE_COUNT] = {
    [SCALE_GATEWAY] = 2,
    [SCALE_FB_COLLECTOR] = 2,
    [SCALE_TTK_COLLECTOR] = 2,
    [SCALE_REPORTER] = 1,
};
#define SCALE_UNSAID UINT32_MAX

struct option {
    const char *name;
    const char *letter;   /* "-f", or NULL */
    const char *argument; /* "DIR", or NULL for a switch */
    const char *help;
    unsigned flag; /* 0: every command takes it */
    int (*take)(struct options *o, const char *text, struct strbuf *err);
};

static int take_data(struct options *o, const char *text, struct strbuf *err)
{
    if (!*text) {
        strbuf_setf(err, "--data takes a directory");
        return -EINVAL;
    }
    o->data = text;
    return 0;
}

static int take_port_base(struct options *o, const char *text, struct strbuf *err)
{
    const uint32_t highest = 65536 - PORT_COUNT;

    if (parse_u32(span_str(text), &o->port_base) < 0 || o->port_base < PORT_LOWEST ||
        o->port_base > highest) {
        strbuf_setf(err, "--port-base takes a port from %d to %u, not '%s'", PORT_LOWEST, highest,
                    text);
        return -EINVAL;
    }
    o->port_base_given = true;
    return 0;
}

/* One "gateway=2". */
static int take_scale_part(struct options *o, struct span part)
{
    struct span name = SPAN_NONE;
    uint32_t count;

    if (!span_split(&part, '=', &name) || parse_u32(part, &count) < 0 || count > SCALE_MAX)
        return -EINVAL;
    for (size_t i = 0; i < SCALE_COUNT; i++) {
        if (!span_eq(name, span_str(scaled_role_names[i])))
            continue;
        o->scale[i] = count;
        return 0;
    }
    return -EINVAL;
}

static int take_scale(struct options *o, const char *text, struct strbuf *err)
{
    struct span rest = span_str(text);

    for (struct span part; span_split(&rest, ',', &part);) {
        if (take_scale_part(o, part) == 0)
            continue;
        strbuf_setf(err,
                    "--scale takes ROLE=0 to ROLE=%d for gateway, fb-collector, ttk-collector, "
                    "reporter, as in gateway=2,fb-collector=3; not '%.*s'",
                    SCALE_MAX, SPAN_ARG(part));
        return -EINVAL;
    }
    return 0;
}

static int take_cluster(struct options *o, const char *text, struct strbuf *err)
{
    (void)text;
    (void)err;
    o->cluster = true;
    return 0;
}

static int take_lines(struct options *o, const char *text, struct strbuf *err)
{
    if (parse_u32(span_str(text), &o->lines) == 0)
        return 0;
    strbuf_setf(err, "--lines takes a number, not '%s'", text);
    return -EINVAL;
}

static int take_detach(struct options *o, const char *text, struct strbuf *err)
{
    (void)text;
    (void)err;
    o->detach = true;
    return 0;
}

static int take_json(struct options *o, const char *text, struct strbuf *err)
{
    (void)text;
    (void)err;
    o->json = true;
    return 0;
}

static int take_follow(struct options *o, const char *text, struct strbuf *err)
{
    (void)text;
    (void)err;
    o->follow = true;
    return 0;
}

static const struct option options[] = {
    { "--cluster", NULL, NULL,
      "three nats-servers that hold three copies of every event, two gateways, two collectors a\n"
      "                     source; the other two nats-servers take the ports N+9 to N+14, their "
      "routes N+8 too",
      OPTION_CLUSTER, take_cluster },
    { "--data", NULL, "DIR", "the stack's data and settings live here (default: ./var)", 0,
      take_data },
    { "--detach", "-d", NULL, "return when everything is ready, and leave it running",
      OPTION_DETACH, take_detach },
    { "--follow", "-f", NULL, "go on with what comes, until Ctrl-C", OPTION_FOLLOW, take_follow },
    { "--json", NULL, NULL, "print JSON", OPTION_JSON, take_json },
    { "--lines", "-n", "N", "begin with the last N lines (default: 100)", OPTION_LINES,
      take_lines },
    { "--port-base", NULL, "N",
      "gateway N, fb-collector N+1, ttk-collector N+2, reporter N+3, NATS N+4, its monitoring "
      "N+5,\n                     PostgreSQL N+6, Prometheus N+7 (default: 3000, with Prometheus "
      "on 9090)",
      OPTION_PORT_BASE, take_port_base },
    { "--scale", NULL, "ROLE=N,...", "run several processes of a role", OPTION_SCALE, take_scale },
};

static void print_help(const struct options_command *command)
{
    printf("usage: sluice %s%s%s [flags]%s\n\n%s\n\n", command->name, command->word ? " " : "",
           command->word ? command->word : "",
           command->passes_rest ? " [psql's own arguments]" : "", command->about);
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        const struct option *o = &options[i];
        char left[64];

        if (o->flag && !(command->flags & o->flag))
            continue;
        (void)snprintf(left, sizeof(left), "%s%s%s%s%s", o->letter ? o->letter : "",
                       o->letter ? ", " : "", o->name, o->argument ? " " : "",
                       o->argument ? o->argument : "");
        printf("  %-18s %s\n", left, o->help);
    }
}

/* The option that `word` names; *ret_value points at the text after its '=', or is NULL. */
static const struct option *find_option(const struct options_command *command, const char *word,
                                        const char **ret_value)
{
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        const struct option *o = &options[i];
        size_t len = strlen(o->name);

        if (o->flag && !(command->flags & o->flag))
            continue;
        *ret_value = NULL;
        if (strcmp(word, o->name) == 0 || (o->letter && strcmp(word, o->letter) == 0))
            return o;
        if (strncmp(word, o->name, len) != 0 || word[len] != '=')
            continue;
        *ret_value = word + len + 1;
        return o;
    }
    return NULL;
}

static int take_word(struct options *o, const struct options_command *command, char *word,
                     int *rest_count, struct strbuf *err)
{
    if (command->passes_rest) {
        o->rest[(*rest_count)++] = word;
        return 0;
    }
    if (command->word && !o->role && word[0] != '-') {
        o->role = word;
        return 0;
    }
    strbuf_setf(err, "'%s' is not understood; sluice %s --help shows what is", word, command->name);
    return -EINVAL;
}

static int take_option(struct options *o, const struct option *option, const char *value, int *at,
                       int argc, char **argv, struct strbuf *err)
{
    if (!option->argument && value) {
        strbuf_setf(err, "%s takes no value", option->name);
        return -EINVAL;
    }
    if (option->argument && !value) {
        if (*at + 1 == argc) {
            strbuf_setf(err, "%s takes a value: %s", option->name, option->argument);
            return -EINVAL;
        }
        value = argv[++*at];
    }
    return option->take(o, value, err);
}

/* What depends on several options, in whatever order they came. */
static int settle(struct options *o, struct strbuf *err)
{
    const uint32_t highest = 65536 - PORT_CLUSTER_COUNT;

    for (size_t i = 0; i < SCALE_COUNT; i++)
        if (o->scale[i] == SCALE_UNSAID)
            o->scale[i] = o->cluster ? scale_of_cluster[i] : 1;
    if (!o->cluster || o->port_base <= highest)
        return 0;
    strbuf_setf(err, "--port-base takes a port from %d to %u with --cluster, not '%u'", PORT_LOWEST,
                highest, o->port_base);
    return -EINVAL;
}

int options_parse(struct options *o, const struct options_command *command, int argc, char **argv,
                  struct strbuf *err)
{
    int rest_count = 0, r = 0;

    *o = (struct options){
        .data = "var", .port_base = PORT_BASE_DEFAULT, .lines = LINES_DEFAULT, .rest = argv + 1
    };
    for (size_t i = 0; i < SCALE_COUNT; i++)
        o->scale[i] = SCALE_UNSAID;
    for (int i = 1; r == 0 && i < argc; i++) {
        const char *value;
        const struct option *option = find_option(command, argv[i], &value);

        if (option) {
            r = take_option(o, option, value, &i, argc, argv, err);
        } else if (strcmp(argv[i], "--help") == 0 ||
                   (!command->passes_rest && strcmp(argv[i], "-h") == 0)) {
            print_help(command);
            return 1;
        } else {
            r = take_word(o, command, argv[i], &rest_count, err);
        }
    }
    if (r == 0 && command->passes_rest)
        o->rest[rest_count] = NULL;
    if (r == 0 && command->word && command->word[0] != '[' && !o->role) {
        strbuf_setf(err, "%s takes a %s", command->name, command->word);
        r = -EINVAL;
    }
    return r == 0 ? settle(o, err) : r;
}

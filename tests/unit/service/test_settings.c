#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/settings.h"
#include "service/settings_table.h"

#define ARGS_MAX 8

struct load {
    struct settings s;
    struct strbuf err;
    char *argv[ARGS_MAX + 2];
    int argc, result;
};

/* Loads for a role with the arguments in `args`, split at blanks. */
static void load(struct load *l, enum role role, const char *args,
                 const struct settings_command *command)
{
    static const struct settings_command plain = { .usage = "sluice test", .about = "A test." };
    static char words[512];

    (void)snprintf(words, sizeof(words), "test %s", args);
    l->argc = 0;
    for (char *word, *rest = words; (word = strsep(&rest, " "));)
        if (*word)
            l->argv[l->argc++] = word;
    l->argv[l->argc] = NULL;
    strbuf_init(&l->err, 1024);
    l->result = settings_load(&l->s, role, &l->argc, l->argv, command ? command : &plain, &l->err);
}

static void unload(struct load *l)
{
    settings_release(&l->s);
    strbuf_release(&l->err);
}
#define _cleanup_load_ _cleanup_(unload)

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Each test runs in a directory of its own, without settings in the environment. */
static int enter(void **state)
{
    char *dir = strdup("/tmp/sluice-settings-XXXXXX");

    assert_non_null(mkdtemp(dir));
    assert_return_code(chdir(dir), errno);
    for (size_t i = 0; i < settings_option_count; i++)
        (void)unsetenv(settings_options[i].name);
    (void)unsetenv("NODE_ENV");
    *state = dir;
    return 0;
}

static int leave(void **state)
{
    char *dir = *state;

    (void)unlink(".env");
    (void)unlink("other.env");
    assert_return_code(chdir("/"), errno);
    (void)rmdir(dir);
    free(dir);
    return 0;
}

static void defaults(void **state UNUSED)
{
    _cleanup_load_ struct load l;

    load(&l, ROLE_GATEWAY, "", NULL);
    assert_return_code(l.result, 0);
    assert_int_equal(l.err.len, 0); /* that there is no .env is nothing to tell */
    assert_int_equal(l.s.app_env, ENV_DEVELOPMENT);
    assert_int_equal(l.s.log_level, LOG_INFO);
    assert_int_equal(l.s.log_format, LOG_JSON);
    assert_string_equal(l.s.nats_url, "nats://127.0.0.1:4222");
    assert_string_equal(l.s.host, "127.0.0.1");
    assert_int_equal(l.s.port, 0);
    assert_int_equal(l.s.body_max_bytes, 64 << 20);
    assert_int_equal(l.s.event_max_bytes, 128 << 10);
    assert_int_equal(l.s.shutdown_timeout_usec, 25000000);
    assert_int_equal(l.s.duplicate_window_usec, 120000000);
    assert_string_equal(l.s.report_database_url, l.s.database_url);
}

static void first_source_wins(void **state UNUSED)
{
    _cleanup_load_ struct load file, environment, flag;

    write_file(".env", "LOG_LEVEL=debug\nHTTP_THREADS=3\nOTHER_PROGRAM=x\n");
    load(&file, ROLE_GATEWAY, "", NULL);
    assert_int_equal(file.s.log_level, LOG_DEBUG);
    assert_int_equal(file.s.http_threads, 3);
    (void)setenv("LOG_LEVEL", "warn", 1);
    load(&environment, ROLE_GATEWAY, "", NULL);
    assert_int_equal(environment.s.log_level, LOG_WARN);
    assert_int_equal(environment.s.http_threads, 3);
    load(&flag, ROLE_GATEWAY, "--log-level error --http-threads=4", NULL);
    assert_int_equal(flag.s.log_level, LOG_ERROR);
    assert_int_equal(flag.s.http_threads, 4);
}

static void another_env_file(void **state UNUSED)
{
    _cleanup_load_ struct load l, missing;

    write_file(".env", "LOG_LEVEL=debug\n");
    write_file("other.env", "HTTP_THREADS=5\n");
    load(&l, ROLE_GATEWAY, "--env-file other.env", NULL);
    assert_int_equal(l.s.log_level, LOG_INFO);
    assert_int_equal(l.s.http_threads, 5);
    load(&missing, ROLE_GATEWAY, "--env-file=nothing.env", NULL);
    assert_int_equal(missing.result, -ENOENT);
    assert_string_equal(missing.err.ptr, "cannot read nothing.env: No such file or directory");
}

static void node_env(void **state UNUSED)
{
    _cleanup_load_ struct load old, both, wrong;

    (void)setenv("NODE_ENV", "staging", 1);
    load(&old, ROLE_GATEWAY, "", NULL);
    assert_int_equal(old.s.app_env, ENV_STAGING);
    (void)setenv("APP_ENV", "production", 1);
    load(&both, ROLE_GATEWAY, "", NULL);
    assert_int_equal(both.s.app_env, ENV_PRODUCTION);
    (void)setenv("APP_ENV", "prod", 1);
    load(&wrong, ROLE_GATEWAY, "", NULL);
    assert_string_equal(wrong.err.ptr, "APP_ENV is 'prod' (from the environment): it takes "
                                       "development, staging or production");
}

static void wrong_values(void **state UNUSED)
{
    static const struct {
        const char *args, *err;
    } cases[] = {
        { "--port=65536",
          "PORT is '65536' (from --port=65536): it takes a number from 0 to 65535" },
        { "--port 8o80", "PORT is '8o80' (from a flag): it takes a number from 0 to 65535" },
        { "--port=-1", "PORT is '-1' (from --port=-1): it takes a number from 0 to 65535" },
        { "--port=", "PORT is '' (from --port=): it takes a number from 0 to 65535" },
        { "--port", "--port needs a value" },
        { "--prt=1", "unknown flag --prt; test --help lists them" },
        { "-x", "unknown flag -x; test --help lists them" },
        { "word", "test takes no argument: 'word'" },
        { "--body-max-bytes=64", "BODY_MAX_BYTES is '64' (from --body-max-bytes=64): it takes a "
                                 "size, as 512, 64K, 16M or 2G, from 1K to 1G" },
        { "--ack-timeout=3", "ACK_TIMEOUT is '3' (from --ack-timeout=3): it takes a time, as "
                             "250ms, 5s, 2m or 1h, from 100ms to 1m" },
        { "--validation=Strict", "VALIDATION is 'Strict' (from --validation=Strict): it takes "
                                 "lenient or strict" },
        { "--nats-url=", "NATS_URL is '' (from --nats-url=): it takes a text" },
        { "--log-level=trace", "LOG_LEVEL is 'trace' (from --log-level=trace): it takes debug, "
                               "info, warn or error" },
        { "--writers=1", "unknown flag --writers; test --help lists them" },
        { "--inflight-max-bytes=1M", "INFLIGHT_MAX_BYTES (1048576) is less than BODY_MAX_BYTES "
                                     "(67108864): the largest body could never be taken" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_load_ struct load l;

        load(&l, ROLE_GATEWAY, cases[i].args, NULL);
        if (l.result >= 0 || strcmp(l.err.ptr, cases[i].err))
            fail_msg("%s: %d %s", cases[i].args, l.result, l.err.ptr);
    }
}

static void wrong_value_in_the_file(void **state UNUSED)
{
    _cleanup_load_ struct load l, hidden, other_role;

    write_file(".env", "\nHTTP_THREADS=none\n");
    load(&l, ROLE_GATEWAY, "", NULL);
    assert_string_equal(
        l.err.ptr, "HTTP_THREADS is 'none' (from .env line 2): it takes a number from 1 to 64");
    load(&hidden, ROLE_GATEWAY, "--http-threads=2", NULL);
    assert_true(hidden.result < 0);
    load(&other_role, ROLE_PUBLISHER, "", NULL); /* has no such setting */
    assert_return_code(other_role.result, 0);
}

static void secrets_are_not_shown(void **state UNUSED)
{
    _cleanup_load_ struct load l;
    _cleanup_strbuf_ struct strbuf shown;

    (void)setenv("DATABASE_URL", "", 1);
    load(&l, ROLE_REPORTER, "", NULL);
    assert_string_equal(l.err.ptr, "DATABASE_URL (from the environment) is wrong: it takes a text");
    unload(&l);
    (void)setenv("DATABASE_URL", "postgresql://u:secret@h/d", 1);
    load(&l, ROLE_REPORTER, "--nats-url nats://user:secret@host:4222", NULL);
    assert_return_code(l.result, 0);
    strbuf_init(&shown, 8192);
    for (size_t i = 0; i < settings_option_count; i++) {
        settings_show(&l.s, &settings_options[i], &shown);
        (void)strbuf_addc(&shown, '\n');
    }
    assert_null(strstr(shown.ptr, "secret@"));
    assert_non_null(strstr(shown.ptr, "\nnats://***@host:4222\n"));
    assert_non_null(strstr(shown.ptr, "\n(secret)\n"));
}

static void own_flags_and_arguments(void **state UNUSED)
{
    struct settings_flag flags[] = {
        { .name = "--count", .argument = "N", .help = "how many" },
        { .name = "--json", .help = "as JSON" },
        { .name = "-f", .help = "follow" },
        { 0 },
    };
    const struct settings_command command = {
        .usage = "sluice test", .about = "A test.", .flags = flags, .takes_arguments = true
    };
    _cleanup_load_ struct load l, wrong;

    load(&l, ROLE_ADMIN, "one --count 7 two -f --log-level=debug -- --three", &command);
    assert_return_code(l.result, 0);
    assert_string_equal(flags[0].value, "7");
    assert_null(flags[1].value);
    assert_string_equal(flags[2].value, "");
    assert_int_equal(l.s.log_level, LOG_DEBUG);
    assert_int_equal(l.argc, 4);
    assert_string_equal(l.argv[1], "one");
    assert_string_equal(l.argv[2], "two");
    assert_string_equal(l.argv[3], "--three");
    load(&wrong, ROLE_ADMIN, "--json=1", &command);
    assert_string_equal(wrong.err.ptr, "--json takes no value");
}

static void help(void **state UNUSED)
{
    struct settings_flag flags[] = { { .name = "--count", .argument = "N", .help = "how many" },
                                     { 0 } };
    const struct settings_command command = { .usage = "sluice publisher [flags]",
                                              .about = "Sends.",
                                              .flags = flags };
    _cleanup_strbuf_ struct strbuf out;

    strbuf_init(&out, 65536);
    settings_print_help(ROLE_PUBLISHER, &command, &out);
    assert_return_code(strbuf_error(&out), 0);
    assert_non_null(strstr(out.ptr, "usage: sluice publisher [flags]\n\nSends.\n"));
    assert_non_null(strstr(out.ptr, "  --count N\n      how many\n"));
    assert_non_null(strstr(out.ptr, "  --event-endpoint  (EVENT_ENDPOINT; default: http://"));
    assert_null(strstr(out.ptr, "--port"));
}

static void table_is_sorted_and_true(void **state UNUSED)
{
    for (size_t i = 0; i < settings_option_count; i++) {
        const struct settings_option *opt = &settings_options[i];

        if (i && strcmp(settings_options[i - 1].name, opt->name) >= 0)
            fail_msg("%s is out of order", opt->name);
        if (opt->help[strlen(opt->help) - 1] == '.' || !opt->roles || opt->min > opt->max)
            fail_msg("%s: wrong row", opt->name);
    }
}

/* path: from the root of the tree, which is found by the place of this file in it. */
static void assert_file_is(const char *path, const struct strbuf *expected, const char *how)
{
    const size_t root = sizeof(__FILE__) - sizeof("tests/unit/service/test_settings.c");
    _cleanup_strbuf_ struct strbuf text, whole;
    FILE *file;
    int c;

    strbuf_init(&whole, 4096);
    (void)strbuf_add(&whole, __FILE__, root);
    (void)strbuf_adds(&whole, path);
    file = fopen(whole.ptr, "r");
    strbuf_init(&text, 1 << 20);
    if (!file)
        fail_msg("%s is not there; make it with: %s", path, how);
    while ((c = getc(file)) != EOF)
        (void)strbuf_addc(&text, (char)c);
    (void)fclose(file);
    if (!span_eq(strbuf_span(&text), strbuf_span(expected)))
        fail_msg("%s is out of date; make it with: %s", path, how);
}

static void generated_files_are_true(void **state UNUSED)
{
    _cleanup_strbuf_ struct strbuf env, markdown;

    strbuf_init(&env, 1 << 20);
    strbuf_init(&markdown, 1 << 20);
    assert_return_code(settings_print_env_example(&env), 0);
    assert_return_code(settings_print_markdown(&markdown), 0);
    assert_file_is("env.example", &env, "sluice settings --env-example > env.example");
    assert_file_is("docs/settings.md", &markdown, "sluice settings --markdown > docs/settings.md");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults, enter, leave),
        cmocka_unit_test_setup_teardown(first_source_wins, enter, leave),
        cmocka_unit_test_setup_teardown(another_env_file, enter, leave),
        cmocka_unit_test_setup_teardown(node_env, enter, leave),
        cmocka_unit_test_setup_teardown(wrong_values, enter, leave),
        cmocka_unit_test_setup_teardown(wrong_value_in_the_file, enter, leave),
        cmocka_unit_test_setup_teardown(secrets_are_not_shown, enter, leave),
        cmocka_unit_test_setup_teardown(own_flags_and_arguments, enter, leave),
        cmocka_unit_test(help),
        cmocka_unit_test(table_is_sorted_and_true),
        cmocka_unit_test(generated_files_are_true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The table of subcommands: every role and every operator's command is one binary. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/macros.h"
#include "collector/collector.h"
#include "gateway/gateway.h"
#include "publisher/publisher.h"
#include "reporter/reporter.h"
#include "stack/stack.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
    const char *about;
};

static const struct command commands[] = {
    { "up", stack_up, "start the whole stack on this machine" },
    { "demo", stack_demo, "the same, with the publisher sending events" },
    { "down", stack_down, "drain and stop the stack" },
    { "status", stack_status, "what runs, where and how it is" },
    { "top", admin_top, "the pipeline as it is now: rates, lag, freshness, processes, errors" },
    { "restart", stack_restart, "restart one role without losing a request" },
    { "logs", stack_logs, "show or follow the logs" },
    { "psql", stack_psql, "open the stack's database in psql" },
    { "gateway", gateway_main, "role: takes webhooks, publishes to JetStream" },
    { "fb-collector", collector_facebook_main, "role: stores Facebook events" },
    { "ttk-collector", collector_tiktok_main, "role: stores TikTok events" },
    { "reporter", reporter_main, "role: answers reports" },
    { "publisher", publisher_main, "sends random events to a gateway" },
    { "init", admin_init, "create or update the streams" },
    { "migrate", admin_migrate, "bring the database schema up to date" },
    { "bulk-test", admin_bulk_test, "send 50,000 events in bulk and verify the reports" },
    { "stress-test", admin_stress_test, "send events at a steady rate and verify the reports" },
    { "bench", admin_bench, "measure this machine, the intake and the whole pipeline" },
    { "doctor", admin_doctor, "check this machine and the stack; say how to mend what is wrong" },
    { "health", admin_health, "ask a role on this machine whether it is ready" },
    { "dlq", admin_dlq, "list, show, requeue or purge dead letters" },
    { "audit", admin_audit, "prove that every accepted event is accounted for" },
    { "rollup", admin_rollup, "verify what reports read against the events, or rebuild it" },
    { "replay", admin_replay, "store messages of the streams again: what was lost comes back" },
    { "settings", admin_settings, "print the settings as env.example or Markdown" },
};

static void print_help(FILE *out)
{
    fputs("Sluice takes in ad events, keeps them safe and answers what people ask of them.\n\n"
          "usage: sluice COMMAND [flags]     (sluice COMMAND --help explains one)\n\n",
          out);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        fprintf(out, "  %-14s %s\n", commands[i].name, commands[i].about);
}

/* Started with standard error closed, the first socket would become descriptor 2, and log lines
 * would be written into it. */
static void keep_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", O_RDWR); /* the lowest free number: this one */
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";

    keep_standard_descriptors();

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return argc > 1 ? 0 : 2;
    }
    if (strcmp(name, "--version") == 0) {
        printf("sluice %s\n", SLUICE_VERSION);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "sluice: no command '%s'; sluice --help lists them\n", name);
    return 2;
}

#include "stack/stack.h"

#include <stdio.h>

int stack_up(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: not there yet\n", argv[0]);
    return 1;
}

int stack_demo(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: not there yet\n", argv[0]);
    return 1;
}

int stack_down(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: not there yet\n", argv[0]);
    return 1;
}

int stack_status(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: not there yet\n", argv[0]);
    return 1;
}

int stack_restart(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: not there yet\n", argv[0]);
    return 1;
}

int stack_logs(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: not there yet\n", argv[0]);
    return 1;
}

int stack_psql(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: not there yet\n", argv[0]);
    return 1;
}


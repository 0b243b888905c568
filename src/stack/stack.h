/*
 * The stack's commands: start, watch and stop everything on one machine. Each returns an exit
 * status: 0, 1 when it could not be done, 2 for a command line that is not understood,
 * STACK_NOT_RUNNING.
 */
#pragma once

#define STACK_NOT_RUNNING 3

int stack_up(int argc, char **argv);
int stack_demo(int argc, char **argv);
int stack_down(int argc, char **argv);
int stack_status(int argc, char **argv);
int stack_restart(int argc, char **argv);
int stack_logs(int argc, char **argv);
int stack_psql(int argc, char **argv);

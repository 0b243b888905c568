/* The operator's commands. Each returns an exit status. */
#pragma once

int admin_init(int argc, char **argv);
int admin_migrate(int argc, char **argv);
int admin_bulk_test(int argc, char **argv);
int admin_stress_test(int argc, char **argv);
int admin_doctor(int argc, char **argv);
int admin_health(int argc, char **argv);
int admin_settings(int argc, char **argv);
int admin_audit(int argc, char **argv);
int admin_rollup(int argc, char **argv);
int admin_replay(int argc, char **argv);
int admin_bench(int argc, char **argv);
int admin_dlq(int argc, char **argv);
int admin_top(int argc, char **argv);

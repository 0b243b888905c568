/* The reporter: answers GET /reports/... from PostgreSQL. */
#pragma once

/* Runs the role until it is told to stop; the exit status. */
int reporter_main(int argc, char **argv);

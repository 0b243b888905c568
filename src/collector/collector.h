/* The collectors: pull one source's events from JetStream and store them exactly once. */
#pragma once

/* Run the role until it is told to stop; the exit status. */
int collector_facebook_main(int argc, char **argv);
int collector_tiktok_main(int argc, char **argv);

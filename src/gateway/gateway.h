/* The gateway: takes webhooks, validates, publishes to JetStream, answers when the stream has them.
 */
#pragma once

/* Runs the role until it is told to stop; the exit status. */
int gateway_main(int argc, char **argv);

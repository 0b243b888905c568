/* The publisher: posts random events to a gateway, as the ad platforms do. */
#pragma once

/* Sends until --count events or a signal; the exit status. */
int publisher_main(int argc, char **argv);

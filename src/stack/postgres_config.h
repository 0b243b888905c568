/* sluice.conf of the private cluster. */
#pragma once

#include "base/macros.h"
#include "stack/site.h"

/* Makes a new cluster's postgresql.conf read sluice.conf. */
int postgres_config_include(int dir_fd, const char *cluster) MUST_CHECK;
/* Writes sluice.conf for the ports and the memory of this machine. */
int postgres_config_write(const struct site *site, int dir_fd, const char *cluster) MUST_CHECK;

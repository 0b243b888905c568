/* From our message to the library's. */
#pragma once

#include <nats/nats.h>

#include "base/macros.h"
#include "bus/publisher.h"

/* Copies everything. reply may be NULL. -ENOMEM, -EINVAL (no subject). */
int message_to_nats(const struct bus_message *message, const char *reply,
                    natsMsg **ret_msg) MUST_CHECK;

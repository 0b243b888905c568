/* A message of a pull subscription becomes a struct bus_delivery. */
#pragma once

#include <nats/nats.h>

#include "base/macros.h"
#include "bus/puller.h"

/* Takes msg over when it returns 0. -EBADMSG: it is no delivered message. -ENOMEM. */
int delivery_new(natsMsg *msg, struct bus_delivery **ret_delivery) MUST_CHECK;
/* The same for the library's answer to a request for a stored message: there is no ack subject. */
int delivery_of_stored(natsMsg *msg, struct bus_delivery **ret_delivery) MUST_CHECK;

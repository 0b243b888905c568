/*
 * The contract of docs/events.md at the lenient level, written a second time over jansson's view of
 * an event: which events must be accepted, and what they then hold.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "event/event.h"
#include "jansson_view.h"

/* Whether the event keeps the contract. doc: no key stands twice in it. */
bool contract_holds(struct jansson *doc, int64_t now_usec);
/* Ends the process when an accepted event holds anything but what the document says. */
void contract_check(struct jansson *doc, const struct event *ev);

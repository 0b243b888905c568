/*
 * The account of one source: every message of its stream against its row of the ledger, and what
 * becomes of its events in sum.
 *
 *   accepted = stored + duplicates + dead + expired + in flight (+ unaccounted, which must be 0)
 *
 * Nothing that happens meanwhile makes a false alarm, because of the order of reading: how far all
 * is acked, then the stream, then the ledger. A message is acked only after its row is committed,
 * so that one at or below the floor that was read first has its row by now. A row whose message the
 * scan does not have (it has left the stream, or has come since) counts by itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "admin/audit/differences.h"
#include "admin/audit/scan.h"
#include "bus/layout.h"
#include "store/audit.h"

struct account_sum {
    uint64_t messages, events;
};

struct account {
    const char *source; /* borrowed */
    char stream[BUS_STREAM_NAME_MAX];
    bool has_consumer;
    uint64_t floor;             /* all up to it was acked when the audit began */
    struct audit_pruned before; /* when the audit began */

    struct scan scan, letters;
    struct audit_pruned pruned;
    struct audit_counts rows;       /* of the ledger, those pruned left out */
    struct account_sum accepted;    /* by the messages where they are there, else by their rows */
    struct account_sum in_stream;   /* of these, those the scan has */
    struct account_sum in_flight;   /* no row, above the floor */
    struct account_sum unaccounted; /* no row, at or below the floor */
    struct account_sum absent;  /* rows within the scan's range whose message it does not have */
    uint64_t uncounted;         /* messages that do not say how many events they hold */
    uint64_t dead_messages;     /* rows with dead events */
    uint64_t dead_letters_left; /* of these, those with letters in EVENTS_DLQ */
    struct scanned_message named[DIFFERENCES_NAMED_MAX]; /* unaccounted ones */

    bool recounted; /* the tables were looked at: */
    struct audit_events events;

    size_t at; /* in the scan, while rows are matched */
    struct differences *differences;
};

void account_release(struct account *a);

/* Matches the rows of the ledger, which come in order, with the scan. */
int account_row(void *account, const struct audit_row *row);
/* The last row came: what of the scan is left has none. */
void account_finish(struct account *a);

/* Of all rows, those pruned included. */
struct audit_counts account_counts(const struct account *a);

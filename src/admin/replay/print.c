#include <inttypes.h>
#include <stdio.h>

#include "admin/replay/replay.h"
#include "base/clock.h"

static const char *time_text(int64_t nsec, char buf[TIMESTAMP_TEXT_MAX])
{
    return timestamp_format(nsec / 1000, buf).ptr;
}

static void print_part(const struct replay_part *p)
{
    char first[TIMESTAMP_TEXT_MAX], last[TIMESTAMP_TEXT_MAX];

    printf("%s (%s): %" PRIu64 " messages with %" PRIu64 " events", p->source, p->stream,
           p->messages, p->events);
    if (p->messages)
        printf(", sequence %" PRIu64 " to %" PRIu64 ", stored %s to %s", p->first_seq, p->last_seq,
               time_text(p->first_nsec, first), time_text(p->last_nsec, last));
    printf("\n");
    if (p->lost_messages)
        printf("  %" PRIu64 " of them (%" PRIu64
               " events) are acked and not in the ledger: their transaction was lost\n",
               p->lost_messages, p->lost_events);
    if (p->in_flight)
        printf("  %" PRIu64 " of them are in flight and left to the collectors%s\n", p->in_flight,
               p->has_consumer ? "" : " (their consumer does not exist yet)");
}

void replay_print_look(const struct replay *r)
{
    for (size_t i = 0; i < r->part_count; i++)
        print_part(&r->parts[i]);
    printf("in the whole database, keys without their event row: %zu; event rows without their "
           "key: %zu\n",
           r->lost.rowless.count, r->lost.keyless.count);
}

static void print_done(const struct replay_part *p)
{
    char next[TIMESTAMP_TEXT_MAX];

    printf("%s: replayed %" PRIu64 " messages with %" PRIu64 " events\n", p->source,
           p->done_messages, p->done_events);
    printf("  of messages in the ledger: %" PRIu64 " event rows restored, %" PRIu64
           " keys restored, %" PRIu64 " events restored with key and row\n",
           p->mended.restored, p->mended.rekeyed, p->mended.added);
    printf("  messages entered into the ledger: %" PRIu64 ", with %" PRIu64 " stored, %" PRIu32
           " duplicates, %" PRIu32 " dead, %" PRIu32 " expired\n",
           p->recorded_messages, (uint64_t)p->recorded.stored, p->recorded.duplicates,
           p->recorded.dead, p->recorded.expired);
    if (p->mended.unclear)
        printf("  %" PRIu64
               " events left alone: their message had dead letters, and they may be those "
               "(sluice dlq requeue stores them)\n",
               p->mended.unclear);
    if (p->next_seq)
        printf(
            "  stopped before sequence %" PRIu64
            ": the same command again finishes it; with --source %s --from %s it goes on there\n",
            p->next_seq, p->source, time_text(p->next_nsec, next));
}

void replay_print_done(const struct replay *r)
{
    for (size_t i = 0; i < r->part_count; i++)
        print_done(&r->parts[i]);
}

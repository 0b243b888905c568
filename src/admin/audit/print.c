/* What an audit found, for a person or as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/audit/audit.h"
#include "base/clock.h"
#include "base/json_out.h"

#define JSON_MAX_BYTES (8 * 1024 * 1024)

static double seconds(uint64_t usec)
{
    return (double)usec / (double)USEC_PER_SEC;
}

static uint64_t explained(const struct account *a)
{
    const struct audit_counts c = account_counts(a);

    return c.stored + c.duplicates + c.dead + c.expired + a->in_flight.events;
}

/* Which rows of the account are printed when there is something to say only. */
static void print_notes(const struct account *a)
{
    if (!a->scan.has_stream)
        printf("  note: the stream does not exist\n");
    else if (!a->has_consumer)
        printf("  note: the collectors' consumer does not exist: what the ledger does not have is "
               "in flight\n");
    if (a->absent.messages)
        printf("  note: %" PRIu64 " messages (%" PRIu64
               " events) of the ledger are no longer in the stream although later ones are: it was "
               "restored, or they were deleted\n",
               a->absent.messages, a->absent.events);
    if (a->uncounted)
        printf("  note: %" PRIu64 " messages do not say how many events they hold\n", a->uncounted);
}

static void print_account(const struct account *a)
{
    const struct audit_counts c = account_counts(a);

    printf("%s (%s)\n", a->source, a->stream);
    printf("  accepted      %12" PRIu64 "  in %" PRIu64 " messages; %" PRIu64
           " messages are in the stream\n",
           a->accepted.events, a->accepted.messages, a->in_stream.messages);
    printf("  stored        %12" PRIu64 "\n", c.stored);
    printf("  duplicates    %12" PRIu64 "  of these, %" PRIu64
           " conflicts: same id, another payload\n",
           c.duplicates, c.conflicts);
    printf("  dead-lettered %12" PRIu64 "  in %" PRIu64 " messages; of %" PRIu64
           " letters are left in %s\n",
           c.dead, a->dead_messages, a->dead_letters_left, BUS_DLQ_STREAM);
    printf("  expired       %12" PRIu64 "\n", c.expired);
    printf("  in flight     %12" PRIu64 "  in %" PRIu64 " messages\n", a->in_flight.events,
           a->in_flight.messages);
    printf("  unaccounted   %12" PRIu64 "  in %" PRIu64 " messages\n", a->unaccounted.events,
           a->unaccounted.messages);
    if (a->recounted)
        printf("  event rows    %12" PRIu64 "  and %" PRIu64 " dropped for their age\n",
               a->events.rows, a->events.dropped);
    print_notes(a);
}

static void print_text(const struct audit *a)
{
    for (size_t i = 0; i < a->account_count; i++)
        print_account(&a->accounts[i]);
    differences_print(&a->differences, "DIFFERS");
    if (a->differences.total)
        printf("FAILED: %" PRIu64 " differences; %.1f s\n", a->differences.total,
               seconds(a->took_usec));
    else if (a->quick)
        printf("OK: every accepted event is accounted for; the tables were not recounted; %.1f s\n",
               seconds(a->took_usec));
    else
        printf("OK: every accepted event is accounted for, and the tables agree; %.1f s\n",
               seconds(a->took_usec));
}

static void number(struct json_out *j, const char *key, uint64_t value)
{
    json_key(j, key);
    json_u64(j, value);
}

static void sum(struct json_out *j, const char *key, const struct account_sum *value)
{
    json_key(j, key);
    json_object(j);
    number(j, "messages", value->messages);
    number(j, "events", value->events);
    json_object_end(j);
}

static void account_json(struct json_out *j, const struct account *a)
{
    const struct audit_counts c = account_counts(a);

    json_object(j);
    json_key(j, "source");
    json_str(j, a->source);
    json_key(j, "stream");
    json_str(j, a->stream);
    sum(j, "accepted", &a->accepted);
    sum(j, "inStream", &a->in_stream);
    number(j, "stored", c.stored);
    number(j, "duplicates", c.duplicates);
    number(j, "conflicts", c.conflicts);
    number(j, "deadLettered", c.dead);
    number(j, "deadMessages", a->dead_messages);
    number(j, "deadMessagesWithLetters", a->dead_letters_left);
    number(j, "expired", c.expired);
    sum(j, "inFlight", &a->in_flight);
    sum(j, "unaccounted", &a->unaccounted);
    sum(j, "absent", &a->absent);
    number(j, "messagesWithoutCount", a->uncounted);
    json_key(j, "addsUp");
    json_bool(j, a->accepted.events == explained(a));
    if (a->recounted) {
        number(j, "eventRows", a->events.rows);
        number(j, "droppedRows", a->events.dropped);
    }
    json_object_end(j);
}

static void print_json(const struct audit *a)
{
    _cleanup_strbuf_ struct strbuf out;
    struct json_out j;

    strbuf_init(&out, JSON_MAX_BYTES);
    json_out_init(&j, &out);
    json_object(&j);
    json_key(&j, "ok");
    json_bool(&j, a->differences.total == 0);
    json_key(&j, "sources");
    json_array(&j);
    for (size_t i = 0; i < a->account_count; i++)
        account_json(&j, &a->accounts[i]);
    json_array_end(&j);
    if (a->source < 0 && !a->quick) {
        number(&j, "keys", a->keys.rows);
        number(&j, "deletedKeys", a->keys.deleted);
    }
    json_key(&j, "differences");
    differences_json(&a->differences, &j);
    json_key(&j, "seconds");
    json_double(&j, seconds(a->took_usec));
    json_key(&j, "tableSeconds");
    json_double(&j, seconds(a->tables_usec));
    json_object_end(&j);
    printf("%s\n", out.ptr);
}

void audit_print(const struct audit *a)
{
    if (a->json)
        print_json(a);
    else
        print_text(a);
}

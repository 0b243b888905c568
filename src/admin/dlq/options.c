#include "admin/dlq/options.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "admin/arguments.h"
#include "base/number.h"
#include "event/batch.h"
#include "event/event.h"

#define EVENT_MAX_BYTES_DEFAULT ((uint64_t)128 << 10) /* as that of the gateway */

enum flag {
    FLAG_REASON,
    FLAG_SOURCE,
    FLAG_CORRELATION,
    FLAG_SINCE,
    FLAG_UNTIL,
    FLAG_LIMIT,
    FLAG_UNREADABLE,
    FLAG_YES,
    FLAG_JSON,
    FLAG_RAW,
    FLAG_EVENT_MAX,
    FLAG_DATA,
    FLAG_END
};

static const char *const verb_names[DLQ_VERB_COUNT] = {
    [DLQ_LS] = "ls",
    [DLQ_SHOW] = "show",
    [DLQ_REQUEUE] = "requeue",
    [DLQ_PURGE] = "purge",
};

#define VERB(verb) (1U << (verb))
#define MANY (VERB(DLQ_LS) | VERB(DLQ_REQUEUE) | VERB(DLQ_PURGE))

/* Which flags go with which verbs; a flag that would be ignored is an error. */
static const unsigned verbs_of[FLAG_END] = {
    [FLAG_REASON] = MANY,
    [FLAG_SOURCE] = MANY,
    [FLAG_CORRELATION] = MANY,
    [FLAG_SINCE] = MANY,
    [FLAG_UNTIL] = MANY,
    [FLAG_LIMIT] = MANY,
    [FLAG_UNREADABLE] = VERB(DLQ_LS) | VERB(DLQ_SHOW) | VERB(DLQ_PURGE),
    [FLAG_YES] = VERB(DLQ_REQUEUE) | VERB(DLQ_PURGE),
    [FLAG_JSON] = VERB(DLQ_LS) | VERB(DLQ_SHOW),
    [FLAG_RAW] = VERB(DLQ_SHOW),
    [FLAG_EVENT_MAX] = VERB(DLQ_REQUEUE),
    [FLAG_DATA] = MANY | VERB(DLQ_SHOW),
};

static int wrong(struct strbuf *err, const struct settings_flag *flag, const char *takes)
{
    strbuf_setf(err, "%s=%s: takes %s", flag->name, flag->value, takes);
    return -EINVAL;
}

static int take_time(const struct settings_flag *flag, int64_t now_usec, int64_t *ret_nsec,
                     struct strbuf *err)
{
    int64_t at = *ret_nsec / 1000;
    int r = argument_time(flag, now_usec, &at, err);

    if (r == 0)
        *ret_nsec = at * 1000;
    return r;
}

static int take_limit(struct dlq_options *o, const struct settings_flag *flag, struct strbuf *err)
{
    uint64_t most = o->verb == DLQ_LS ? DLQ_LIST_MAX : UINT64_MAX;

    o->limit = o->verb == DLQ_LS ? DLQ_LIST_DEFAULT : 0;
    if (!flag->value)
        return 0;
    if (parse_u64(span_str(flag->value), &o->limit) < 0 || o->limit == 0 || o->limit > most) {
        strbuf_setf(err, "%s=%s: takes a whole number from 1 to %" PRIu64, flag->name, flag->value,
                    most);
        return -EINVAL;
    }
    return 0;
}

static int take_source(struct dlq_options *o, const struct settings_flag *flag, struct strbuf *err)
{
    if (flag->value && strcmp(flag->value, "unknown") != 0 &&
        event_name_find(event_source_names, SOURCE_COUNT, span_str(flag->value)) < 0)
        return wrong(err, flag, "a source such as facebook, or unknown");
    o->filter.source = flag->value;
    return 0;
}

static int take_event_max(struct dlq_options *o, const struct settings_flag *flag,
                          struct strbuf *err)
{
    o->event_max_bytes = EVENT_MAX_BYTES_DEFAULT;
    if (flag->value && (parse_size(span_str(flag->value), &o->event_max_bytes) < 0 ||
                        o->event_max_bytes == 0 || o->event_max_bytes > BATCH_BYTES_MAX))
        return wrong(err, flag, "a size up to 256K");
    return 0;
}

static int take_verb(struct dlq_options *o, int argc, char **argv, struct strbuf *err)
{
    int verb = argc > 1 ? event_name_find(verb_names, DLQ_VERB_COUNT, span_str(argv[1])) : -1;

    if (verb < 0) {
        strbuf_setf(err, "%s%s%stakes ls, show, requeue or purge; --help explains them",
                    argc > 1 ? "'" : "", argc > 1 ? argv[1] : "", argc > 1 ? "': " : "");
        return -EINVAL;
    }
    o->verb = (enum dlq_verb)verb;
    if (argc != (verb == DLQ_SHOW ? 3 : 2) ||
        (verb == DLQ_SHOW && (parse_u64(span_str(argv[2]), &o->seq) < 0 || o->seq == 0))) {
        strbuf_setf(err, "%s takes %s", verb_names[verb],
                    verb == DLQ_SHOW ? "the sequence of a dead letter, as ls prints it"
                                     : "flags only");
        return -EINVAL;
    }
    return 0;
}

static int check_flags(const struct dlq_options *o, const struct settings_flag *flags,
                       struct strbuf *err)
{
    for (size_t i = 0; i < FLAG_END; i++)
        if (flags[i].value && !(verbs_of[i] & VERB(o->verb))) {
            strbuf_setf(err, "%s: not for %s%s", flags[i].name, verb_names[o->verb],
                        i == FLAG_UNREADABLE ? ": what is no JSON cannot become an event" : "");
            return -EINVAL;
        }
    if (flags[FLAG_UNREADABLE].value && flags[FLAG_SOURCE].value) {
        strbuf_setf(err, "--source: the source of an unreadable body is not known");
        return -EINVAL;
    }
    return 0;
}

static int take_values(struct dlq_options *o, const struct settings_flag *flags, int64_t now_usec,
                       struct strbuf *err)
{
    int r = take_source(o, &flags[FLAG_SOURCE], err);

    if (r == 0)
        r = take_time(&flags[FLAG_SINCE], now_usec, &o->filter.from_nsec, err);
    if (r == 0)
        r = take_time(&flags[FLAG_UNTIL], now_usec, &o->filter.to_nsec, err);
    if (r == 0)
        r = take_limit(o, &flags[FLAG_LIMIT], err);
    if (r == 0)
        r = take_event_max(o, &flags[FLAG_EVENT_MAX], err);
    o->filter.reason = flags[FLAG_REASON].value;
    o->filter.correlation_id = flags[FLAG_CORRELATION].value;
    o->stream = flags[FLAG_UNREADABLE].value ? BUS_UNREADABLE_STREAM : BUS_DLQ_STREAM;
    o->yes = flags[FLAG_YES].value != NULL;
    o->json = flags[FLAG_JSON].value != NULL;
    o->raw = flags[FLAG_RAW].value != NULL;
    o->data = flags[FLAG_DATA].value;
    return r;
}

int dlq_options_load(struct dlq_options *o, struct settings *settings, int64_t now_usec, int argc,
                     char **argv, struct strbuf *err)
{
    struct settings_flag flags[] = {
        [FLAG_REASON] = { "--reason", "WORD", "only those refused for this reason", NULL },
        [FLAG_SOURCE] = { "--source", "NAME", "only this source: facebook, tiktok, unknown", NULL },
        [FLAG_CORRELATION] = { "--correlation-id", "ID", "only those of this request", NULL },
        [FLAG_SINCE] = { "--since", "TIME|AGO",
                         "only those rejected at or after 2026-01-31T12:00:00Z, or 2h ago", NULL },
        [FLAG_UNTIL] = { "--until", "TIME|AGO", "only those rejected before", NULL },
        [FLAG_LIMIT] = { "--limit", "N",
                         "ls: the newest N (default 50); requeue: the oldest N that are valid; "
                         "purge: the oldest N (both default to all)",
                         NULL },
        [FLAG_UNREADABLE] = { "--unreadable", NULL,
                              "the bodies that are not JSON at all (" BUS_UNREADABLE_STREAM
                              "), instead of events",
                              NULL },
        [FLAG_YES] = { "--yes", NULL, "requeue, purge: do it, after the preview", NULL },
        [FLAG_JSON] = { "--json", NULL, "ls, show: print JSON", NULL },
        [FLAG_RAW] = { "--raw", NULL, "show: nothing but the original bytes, to a file or a pipe",
                       NULL },
        [FLAG_EVENT_MAX] = { "--event-max-bytes", "SIZE",
                             "requeue: the largest event to bring back (default 128K, which is "
                             "EVENT_MAX_BYTES of a gateway)",
                             NULL },
        [FLAG_DATA] = { "--data", "DIR", "the stack's data directory (default var)", NULL },
        [FLAG_END] = { NULL, NULL, NULL, NULL },
    };
    const struct settings_command command = {
        .usage = "sluice dlq ls|show SEQ|requeue|purge [flags]",
        .about =
            "Dead letters: events that were rejected, kept with their original bytes and the "
            "reason. ls lists them, show prints one, requeue gives those that are valid now to "
            "the collectors again, purge deletes. requeue and purge change nothing without --yes; "
            "stopped half-way, they go on when they are run again.",
        .flags = flags,
        .takes_arguments = true,
    };
    int r = settings_load(settings, ROLE_ADMIN, &argc, argv, &command, err);

    if (r != 0)
        return r;
    *o = (struct dlq_options){ .verb = DLQ_LS };
    r = take_verb(o, argc, argv, err);
    if (r == 0)
        r = check_flags(o, flags, err);
    return r < 0 ? r : take_values(o, flags, now_usec, err);
}

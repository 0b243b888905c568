#include "publisher/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define LIVE_USEC (500 * UINT64_C(1000))
#define LOG_USEC (10 * UINT64_C(1000000))

static double rate(uint64_t events, uint64_t usec)
{
    return usec ? (double)events * (double)USEC_PER_SEC / (double)usec : 0;
}

static void print_counts(const struct sender_counts *c, double per_second)
{
    printf("%" PRIu64 " accepted  %" PRIu64 " rejected  %" PRIu64 " known already  %" PRIu64
           " retries  %.0f events/s",
           c->accepted, c->rejected + c->refused, c->duplicates, c->retries, per_second);
}

static void show_live(const struct sender *sender, double per_second)
{
    const char *trouble = sender_trouble(sender);

    printf("\r\033[K");
    print_counts(sender_counts_of(sender), per_second);
    if (trouble[0])
        printf("  (last trouble: %s)", trouble);
    fflush(stdout);
}

static void log_counts(const struct summary *s, const struct sender *sender, const char *event,
                       const char *message, double per_second)
{
    const struct sender_counts *c = sender_counts_of(sender);

    log_info(s->log, event, message, KV_UINT("requests", c->requests), KV_UINT("events", c->events),
             KV_UINT("accepted", c->accepted), KV_UINT("rejected", c->rejected),
             KV_UINT("refused", c->refused), KV_UINT("duplicates", c->duplicates),
             KV_UINT("retries", c->retries), KV_UINT("surprises", c->surprises),
             KV_UINT("unanswered", sender_open_events(sender)),
             KV_DBL("eventsPerSecond", per_second), KV_STR("trouble", sender_trouble(sender)));
}

void summary_start(struct summary *s, struct log *log)
{
    uint64_t now = clock_mono_usec();

    *s = (struct summary){
        .log = log, .terminal = isatty(STDOUT_FILENO), .started_usec = now, .shown_usec = now
    };
}

void summary_show(struct summary *s, const struct sender *sender)
{
    uint64_t now = clock_mono_usec(), since = now - s->shown_usec;
    const struct sender_counts *c = sender_counts_of(sender);
    double per_second;

    if (since < (s->terminal ? LIVE_USEC : LOG_USEC))
        return;
    per_second = rate(c->events - s->shown_events, since);
    if (s->terminal)
        show_live(sender, per_second);
    else
        log_counts(s, sender, "publisher.progress", "sending", per_second);
    s->shown_usec = now;
    s->shown_events = c->events;
}

void summary_finish(struct summary *s, const struct sender *sender)
{
    const struct sender_counts *c = sender_counts_of(sender);
    double per_second = rate(c->events, clock_mono_usec() - s->started_usec);

    if (!s->terminal) {
        log_counts(s, sender, "publisher.done", "sent", per_second);
        return;
    }
    printf("\r\033[K");
    print_counts(c, per_second);
    printf("\n");
    if (sender_open(sender) > 0)
        printf("%" PRIu64 " events were never answered: %s\n", sender_open_events(sender),
               sender_trouble(sender));
    else if (c->surprises > 0)
        printf("%" PRIu64 " answers were not what their events deserve, the last: %s\n",
               c->surprises, sender_trouble(sender));
}

#include "admin/trial/tally.h"

void tally_add(void *ctx, const struct generated *event)
{
    struct tally *t = ctx;

    if (event->duplicate)
        return;
    t->events++;
    t->by_source[event->source]++;
    t->by_stage[event->stage]++;
    t->by_type[event->type]++;
    if (event->revenue) {
        t->transactions++;
        t->revenue_cents[event->source] += event->amount_cents;
    }
    if (event->user < TALLY_USERS)
        t->seen[event->source][event->user] = true;
}

uint64_t tally_users(const struct tally *t, enum event_source source)
{
    uint64_t users = 0;

    for (unsigned i = 0; i < TALLY_USERS; i++)
        users += t->seen[source][i];
    return users;
}

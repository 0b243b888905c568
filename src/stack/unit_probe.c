/* Asking a unit how it is. The timer of the unit asks; after a backoff the same timer starts it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "stack/unit_private.h"

#define ASK_STARTING_USEC (25 * USEC_PER_MSEC)
#define ASK_READY_USEC (1 * USEC_PER_SEC)

static void ask(struct unit *u)
{
    switch (u->kind->probe) {
    case UNIT_PROBE_HTTP:
        probe_http(&u->probe, u->own_port, u->kind->probe_path);
        break;
    case UNIT_PROBE_POSTGRES:
        probe_postgres(&u->probe, u->own_port);
        break;
    case UNIT_PROBE_NONE:
        unit_settle(u, true, SPAN_NONE);
        break;
    }
}

static void on_timer(void *ctx)
{
    struct unit *u = ctx;

    if (u->state == UNIT_BACKOFF)
        unit_start(u);
    else if (!probe_is_busy(&u->probe))
        ask(u);
}

static void judge(struct unit *u, int failed)
{
    const struct probe *p = &u->probe;
    char text[128];

    if (failed < 0) {
        (void)snprintf(text, sizeof(text), "no answer on port %u: %s", u->own_port,
                       strerror(-failed));
        unit_settle(u, false, span_str(text));
    } else if (u->kind->probe == UNIT_PROBE_POSTGRES) {
        unit_settle(u, probe_postgres_state(p) == PROBE_POSTGRES_READY,
                    SPAN("PostgreSQL is starting up or recovering"));
    } else {
        unit_settle(u, probe_http_status(p) == 200, span_trim(probe_http_body(p)));
    }
}

static void on_answer(struct probe *p, int failed)
{
    struct unit *u = p->ctx;

    judge(u, failed);
    if (u->main.pid && u->state != UNIT_STOPPING)
        loop_timer_in(u->crew->loop, &u->timer,
                      u->state == UNIT_READY ? ASK_READY_USEC : ASK_STARTING_USEC);
}

void unit_probe_init(struct unit *u)
{
    u->timer = (struct loop_timer){ .fn = on_timer, .ctx = u };
    probe_init(&u->probe, u->crew->loop, on_answer, u);
}

void unit_probe_begin(struct unit *u)
{
    loop_timer_in(u->crew->loop, &u->timer, ASK_STARTING_USEC);
}

void unit_probe_stop(struct unit *u)
{
    loop_timer_cancel(u->crew->loop, &u->timer);
    probe_cancel(&u->probe);
}

#include "stack/plan.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stack/nats_server.h"
#include "stack/port_holder.h"
#include "stack/postgres.h"
#include "stack/roles.h"

#define AFTER(name) (1U << UNIT_##name)
#define READINESS "/health/readiness"
#define PROMETHEUS_TRIES 100

/* clang-format off */
static const struct unit_kind kinds[UNIT_ID_COUNT] = {
    [UNIT_POSTGRES] = { .id = UNIT_POSTGRES, .name = "postgres", .prepare = postgres_prepare,
        .stop_signal = SIGINT, /* fast shutdown: does not wait for its clients */
        .stop_stage = 6, .probe = UNIT_PROBE_POSTGRES, .port_offset = PORT_POSTGRES },
    [UNIT_NATS] = { .id = UNIT_NATS, .name = "nats-server", .prepare = nats_server_prepare,
        .stop_signal = SIGTERM, .stop_stage = 5, .probe = UNIT_PROBE_HTTP, .probe_path = "/healthz",
        .port_offset = PORT_NATS, .probe_offset = PORT_NATS_MONITOR },
    [UNIT_PROMETHEUS] = { .id = UNIT_PROMETHEUS, .name = "prometheus", .prepare = prometheus_prepare,
        .stop_signal = SIGTERM, .stop_stage = 4, .probe = UNIT_PROBE_HTTP, .probe_path = "/-/ready",
        .port_offset = PORT_PROMETHEUS },
    [UNIT_MIGRATE] = { .id = UNIT_MIGRATE, .name = "migrate", .prepare = role_prepare, .is_role = true,
        .after = AFTER(POSTGRES), .once = true, .stop_signal = SIGTERM, .port_offset = -1 },
    [UNIT_INIT] = { .id = UNIT_INIT, .name = "init", .prepare = role_prepare, .is_role = true,
        .after = AFTER(NATS), .once = true, .stop_signal = SIGTERM, .port_offset = -1 },
    [UNIT_GATEWAY] = { .id = UNIT_GATEWAY, .name = "gateway", .prepare = role_prepare, .is_role = true,
        .after = AFTER(INIT), .stop_signal = SIGTERM, .stop_stage = 1, .notifies = true,
        .probe = UNIT_PROBE_HTTP, .probe_path = READINESS, .port_offset = PORT_GATEWAY },
    [UNIT_FB_COLLECTOR] = { .id = UNIT_FB_COLLECTOR, .name = "fb-collector", .prepare = role_prepare,
        .is_role = true, .after = AFTER(INIT) | AFTER(MIGRATE), .stop_signal = SIGTERM, .stop_stage = 2,
        .notifies = true, .probe = UNIT_PROBE_HTTP, .probe_path = READINESS,
        .port_offset = PORT_FB_COLLECTOR },
    [UNIT_TTK_COLLECTOR] = { .id = UNIT_TTK_COLLECTOR, .name = "ttk-collector", .prepare = role_prepare,
        .is_role = true, .after = AFTER(INIT) | AFTER(MIGRATE), .stop_signal = SIGTERM, .stop_stage = 2,
        .notifies = true, .probe = UNIT_PROBE_HTTP, .probe_path = READINESS,
        .port_offset = PORT_TTK_COLLECTOR },
    [UNIT_REPORTER] = { .id = UNIT_REPORTER, .name = "reporter", .prepare = role_prepare, .is_role = true,
        .after = AFTER(MIGRATE), .stop_signal = SIGTERM, .stop_stage = 3, .notifies = true,
        .probe = UNIT_PROBE_HTTP, .probe_path = READINESS, .port_offset = PORT_REPORTER },
    [UNIT_PUBLISHER] = { .id = UNIT_PUBLISHER, .name = "publisher", .prepare = role_prepare,
        .is_role = true, .after = AFTER(GATEWAY), .stop_signal = SIGTERM, .port_offset = -1 },
};
/* clang-format on */

/* What --scale multiplies. */
static const struct {
    enum unit_id unit;
    bool shares_socket; /* any instance may serve any request */
} scaled[SCALE_COUNT] = {
    [SCALE_GATEWAY] = { UNIT_GATEWAY, true },
    [SCALE_FB_COLLECTOR] = { UNIT_FB_COLLECTOR, false },
    [SCALE_TTK_COLLECTOR] = { UNIT_TTK_COLLECTOR, false },
    [SCALE_REPORTER] = { UNIT_REPORTER, true },
};

void plan_init(struct plan *plan)
{
    plan->count = 0;
    memset(plan->sockets.fd, -1, sizeof(plan->sockets.fd));
    memset(plan->sockets.own, -1, sizeof(plan->sockets.own));
}

void plan_release(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        unit_release(&plan->units[i]);
    for (size_t role = 0; role < SCALE_COUNT; role++)
        for (size_t i = 0; i < SCALE_MAX; i++) {
            fd_closep(&plan->sockets.fd[role][i]);
            fd_closep(&plan->sockets.own[role][i]);
        }
    plan->count = 0;
}

static void say_taken(const char *name, uint32_t port, struct strbuf *err)
{
    (void)strbuf_addf(err, "%sport %u (%s) is taken by ", err->len ? "; " : "", port, name);
    port_holder(port, err);
}

static int claim_role(struct plan *plan, const struct site *site, size_t role, struct strbuf *err)
{
    const struct unit_kind *kind = &kinds[scaled[role].unit];
    uint32_t count = site->options.scale[role];
    uint32_t sockets = scaled[role].shares_socket ? MIN(count, 1u) : count;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < sockets; i++) {
        uint32_t port = i ? 0 : site->port[kind->port_offset];

        r = port_listen(site->settings.host, port, &plan->sockets.fd[role][i]);
        if (r == -EADDRINUSE)
            say_taken(kind->name, port, err);
        else if (r < 0)
            (void)strbuf_addf(err, "%s%s cannot listen on %s port %u: %s", err->len ? "; " : "",
                              kind->name, site->settings.host, port, strerror(-r));
    }
    return r;
}

static int claim_own(struct plan *plan, const struct site *site, size_t role, struct strbuf *err)
{
    uint32_t count = site->options.scale[role];
    int r = 0;

    if (!scaled[role].shares_socket || count < 2)
        return 0;
    for (uint32_t i = 0; r == 0 && i < count; i++)
        r = port_listen("127.0.0.1", 0, &plan->sockets.own[role][i]);
    if (r < 0)
        (void)strbuf_addf(err, "%sno free port for the metrics of %s: %s", err->len ? "; " : "",
                          kinds[scaled[role].unit].name, strerror(-r));
    return r;
}

static int claim_server(const struct site *site, const char *name, int offset, struct strbuf *err)
{
    if (port_is_free(site->port[offset]))
        return 0;
    say_taken(name, site->port[offset], err);
    return -EADDRINUSE;
}

static int claim_nats(const struct site *site, struct strbuf *err)
{
    int r = 0;

    for (unsigned i = 0; i < nats_server_count(site); i++) {
        r |= claim_server(site, "NATS", nats_server_ports[i].client, err) |
             claim_server(site, "NATS monitoring", nats_server_ports[i].monitor, err);
        if (site->options.cluster)
            r |= claim_server(site, "NATS route", nats_server_ports[i].route, err);
    }
    return r;
}

/* Another unit will listen there, though it does not yet. */
static bool is_promised(const struct site *site, uint32_t port)
{
    return site->options.cluster && port >= site->port[PORT_COUNT] &&
           port <= site->port[PORT_CLUSTER_COUNT - 1];
}

static void move_prometheus(struct site *site, struct teller *teller)
{
    uint32_t wanted = site->port[PORT_PROMETHEUS];
    _cleanup_strbuf_ struct strbuf said;

    strbuf_init(&said, 1024);
    for (uint32_t i = 0; i < PROMETHEUS_TRIES && wanted + i < 65536; i++) {
        if (is_promised(site, wanted + i) || !port_is_free(wanted + i))
            continue;
        site->port[PORT_PROMETHEUS] = wanted + i;
        break;
    }
    if (site->port[PORT_PROMETHEUS] == wanted)
        return;
    say_taken("Prometheus", wanted, &said);
    (void)strbuf_addf(&said, "; Prometheus moves to %u", site->port[PORT_PROMETHEUS]);
    tell(teller, LOG_WARN, "port.moved", said.ptr, KV_UINT("port", site->port[PORT_PROMETHEUS]));
}

int plan_claim_ports(struct plan *plan, struct site *site, struct teller *teller,
                     struct strbuf *err)
{
    int r = 0;

    for (uint32_t i = 0; i < PORT_CLUSTER_COUNT; i++)
        site->port[i] = site->options.port_base + i;
    if (!site->options.port_base_given)
        site->port[PORT_PROMETHEUS] = PORT_PROMETHEUS_DEFAULT;
    for (size_t role = 0; role < SCALE_COUNT; role++)
        r |= claim_role(plan, site, role, err) | claim_own(plan, site, role, err);
    r |= claim_nats(site, err);
    if (site->own_postgres)
        r |= claim_server(site, "PostgreSQL", PORT_POSTGRES, err);
    if (r) {
        (void)strbuf_addf(err, ". Stop what holds it, or choose other ports with --port-base N");
        return -EADDRINUSE;
    }
    move_prometheus(site, teller);
    return 0;
}

static struct unit *add_unit(struct plan *plan, enum unit_id id, unsigned instance,
                             const struct crew *crew)
{
    struct unit *u = &plan->units[plan->count++];
    const struct unit_kind *kind = &kinds[id];

    unit_init(u, kind, instance, crew);
    if (kind->port_offset >= 0) {
        u->port = crew->site->port[kind->port_offset];
        u->own_port = kind->probe_offset ? crew->site->port[kind->probe_offset] : u->port;
    }
    return u;
}

static void add_nats(struct plan *plan, const struct crew *crew)
{
    for (unsigned i = 0; i < nats_server_count(crew->site); i++) {
        struct unit *u = add_unit(plan, UNIT_NATS, i + 1, crew);

        u->port = crew->site->port[nats_server_ports[i].client];
        u->own_port = crew->site->port[nats_server_ports[i].monitor];
    }
}

static void add_role(struct plan *plan, size_t role, const struct crew *crew)
{
    for (uint32_t i = 0; i < crew->site->options.scale[role]; i++) {
        struct unit *u = add_unit(plan, scaled[role].unit, i + 1, crew);
        int fd = plan->sockets.fd[role][scaled[role].shares_socket ? 0 : i];

        u->listen_fds[u->listen_count++] = fd;
        u->port = u->own_port = port_of(fd);
        if (plan->sockets.own[role][i] < 0)
            continue;
        u->listen_fds[u->listen_count++] = plan->sockets.own[role][i];
        u->own_port = port_of(plan->sockets.own[role][i]);
    }
}

void plan_fill(struct plan *plan, const struct crew *crew, bool with_publisher)
{
    if (crew->site->own_postgres)
        (void)add_unit(plan, UNIT_POSTGRES, 1, crew);
    add_nats(plan, crew);
    (void)add_unit(plan, UNIT_PROMETHEUS, 1, crew);
    (void)add_unit(plan, UNIT_MIGRATE, 1, crew);
    (void)add_unit(plan, UNIT_INIT, 1, crew);
    for (size_t role = 0; role < SCALE_COUNT; role++)
        add_role(plan, role, crew);
    if (with_publisher)
        (void)add_unit(plan, UNIT_PUBLISHER, 1, crew);
}

size_t plan_targets(const struct plan *plan, struct prometheus_target *targets)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->count; i++) {
        const struct unit *u = &plan->units[i];

        if (u->listen_count || u->kind->id == UNIT_PROMETHEUS)
            targets[n++] = (struct prometheus_target){ u->kind->name, u->own_port };
    }
    return n;
}

bool plan_may_start(const struct plan *plan, const struct unit *u)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct unit *other = &plan->units[i];

        if ((u->kind->after & (1U << other->kind->id)) && !unit_is_settled(other))
            return false;
    }
    return true;
}

/* The connection: its options, its state as the callbacks tell it, its end. */
#include "bus/bus.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/span.h"
#include "bus/connection.h"
#include "bus/polled.h"

#define SERVERS_MAX 16
#define URL_MAX 4096
#define CLOSE_FLUSH_MSEC 2000
#define CONNECT_TIMEOUT_MSEC 2000

int bus_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int r = pthread_condattr_init(&attr);

    if (r != 0)
        return -r;
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    r = pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
    return -r;
}

struct timespec bus_deadline_after(uint64_t usec)
{
    uint64_t at = clock_mono_usec() + usec;

    return (struct timespec){ .tv_sec = (time_t)(at / USEC_PER_SEC),
                              .tv_nsec = (long)(at % USEC_PER_SEC * 1000) };
}

int bus_errno(natsStatus s)
{
    switch (s) {
    case NATS_OK:
        return 0;
    case NATS_TIMEOUT:
        return -ETIMEDOUT;
    case NATS_NO_MEMORY:
        return -ENOMEM;
    case NATS_NOT_FOUND:
        return -ENOENT;
    case NATS_INVALID_ARG:
    case NATS_INVALID_SUBJECT:
        return -EINVAL;
    case NATS_CONNECTION_CLOSED:
    case NATS_CONNECTION_DISCONNECTED:
    case NATS_NOT_YET_CONNECTED:
    case NATS_STALE_CONNECTION:
    case NATS_INSUFFICIENT_BUFFER: /* reconnecting, and nothing is buffered meanwhile */
    case NATS_NO_RESPONDERS:       /* JetStream is not up (yet) */
    case NATS_NO_SERVER:
        return -ENOTCONN;
    default:
        return -EIO;
    }
}

int bus_check_connected(struct bus *bus, struct strbuf *err)
{
    if (bus_connected(bus))
        return 0;
    strbuf_setf(err, "not connected to NATS; trying again in the background");
    return -ENOTCONN;
}

void bus_set_connected(struct bus *bus, bool connected)
{
    (void)pthread_mutex_lock(&bus->lock);
    bus->told = true;
    if (connected)
        atomic_fetch_add(&bus->epoch, 1);
    atomic_store(&bus->connected, connected);
    (void)pthread_cond_broadcast(&bus->changed);
    (void)pthread_mutex_unlock(&bus->lock);
}

static void on_connected(UNUSED natsConnection *nc, void *closure)
{
    struct bus *bus = closure;

    bus_set_connected(bus, true);
    if (bus->polled)
        polled_wake(bus->polled); /* what waited for the connection is sent now */
    if (bus->log)
        log_info(bus->log, "nats.connected", "connected to NATS");
}

static void on_disconnected(UNUSED natsConnection *nc, void *closure)
{
    struct bus *bus = closure;

    bus_set_connected(bus, false);
    if (bus->log && !atomic_load(&bus->closing))
        log_warn(bus->log, "nats.lost", "the connection to NATS is lost",
                 KV_STR("then", "reconnecting"));
}

static void tell_given_up(struct bus *bus)
{
    if (bus->log)
        log_error(
            bus->log, "nats.closed",
            "the NATS library has given the connection up: it does so when the server refuses "
            "the credentials, or says what the library does not expect",
            KV_STR("then", bus->given_up ? "ending, to begin anew; check NATS_URL if that "
                                           "does not help"
                                         : "check NATS_URL and start this again"));
    if (bus->given_up)
        bus->given_up(bus->ctx);
}

static void on_closed(UNUSED natsConnection *nc, void *closure)
{
    struct bus *bus = closure;

    bus_set_connected(bus, false);
    if (!atomic_load(&bus->closing))
        tell_given_up(bus);
    (void)pthread_mutex_lock(&bus->lock);
    bus->closed = true;
    (void)pthread_cond_broadcast(&bus->changed);
    (void)pthread_mutex_unlock(&bus->lock);
}

static void on_error(UNUSED natsConnection *nc, UNUSED natsSubscription *sub, natsStatus s,
                     void *closure)
{
    struct bus *bus = closure;

    atomic_fetch_add(&bus->errors, 1);
    if (bus->log)
        log_warn(bus->log, "nats.error", "the NATS library reports an error",
                 KV_STR("error", natsStatus_GetText(s)), KV_STR("then", "continuing"));
}

static bool port_ok(struct span text)
{
    uint32_t port;

    return parse_u32(text, &port) == 0 && port >= 1 && port <= 65535;
}

/* nats://[user:password@]host[:port], or without the scheme. libnats takes any port and any scheme
 * and would then try in vain for ever. */
static bool url_ok(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme ? scheme + 3 : url;
    const char *at = strrchr(host, '@');
    const char *colon;

    if (scheme && !span_eq(span_of(url, (size_t)(scheme - url)), SPAN("nats")))
        return false;
    host = at ? at + 1 : host;
    colon = strrchr(host, ':');
    if (*host == '[' && colon && strchr(colon, ']')) /* a colon of an IPv6 address */
        colon = NULL;
    if (!*host || colon == host)
        return false;
    return !colon || port_ok(span_of(colon + 1, strcspn(colon + 1, "/")));
}

/* Splits the comma-separated list. */
static natsStatus set_servers(natsOptions *o, const char *urls)
{
    const char *servers[SERVERS_MAX];
    char copy[URL_MAX], *rest = copy, *url;
    int count = 0;

    if (snprintf(copy, sizeof(copy), "%s", urls) >= URL_MAX)
        return NATS_INVALID_ARG;
    while ((url = strsep(&rest, ",")) != NULL) {
        url += strspn(url, " ");
        if (count == SERVERS_MAX || !url_ok(url))
            return NATS_INVALID_ARG;
        servers[count++] = url;
    }
    return natsOptions_SetServers(o, servers, count);
}

/* Every value here was chosen against a fault; see the head of bus.h. */
static natsStatus set_options(natsOptions *o, const struct bus_options *options, struct bus *bus)
{
    int64_t timeout = options->connect_timeout_usec
                          ? (int64_t)(options->connect_timeout_usec / USEC_PER_MSEC)
                          : CONNECT_TIMEOUT_MSEC;
    natsStatus s = set_servers(o, options->url);

    if (s == NATS_OK && options->name)
        s = natsOptions_SetName(o, options->name);
    if (s == NATS_OK)
        s = natsOptions_SetTimeout(o, MAX(timeout, 1));
    if (s == NATS_OK)
        s = natsOptions_SetPingInterval(o, 5000);
    if (s == NATS_OK)
        s = natsOptions_SetMaxPingsOut(o, 2);
    if (s == NATS_OK)
        s = natsOptions_SetMaxReconnect(o, -1);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectWait(o, 250);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectJitter(o, /* jitter= */ 100, /* jitterTLS= */ 100);
    if (s == NATS_OK)
        s = natsOptions_SetWriteDeadline(o, 2000);
    if (s == NATS_OK)
        s = natsOptions_SetFailRequestsOnDisconnect(o, true);
    /* Nothing is buffered while disconnected: what could not be sent is the caller's to answer for.
     */
    if (s == NATS_OK)
        s = natsOptions_SetReconnectBufSize(o, 0);
    /* The library's flusher thread waits 1 ms for more to send: too long for a single event. */
    if (s == NATS_OK)
        s = natsOptions_SetSendAsap(o, true);
    if (s == NATS_OK)
        s = natsOptions_SetRetryOnFailedConnect(o, true, on_connected, bus);
    if (s == NATS_OK)
        s = natsOptions_SetDisconnectedCB(o, on_disconnected, bus);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectedCB(o, on_connected, bus);
    if (s == NATS_OK)
        s = natsOptions_SetClosedCB(o, on_closed, bus);
    if (s == NATS_OK)
        s = natsOptions_SetErrorHandler(o, on_error, bus);
    if (s == NATS_OK && bus->polled)
        s = polled_set_options(bus->polled, o);
    return s;
}

static natsStatus connect_to(struct bus *bus, const struct bus_options *options)
{
    natsOptions *o = NULL;
    natsStatus s = natsOptions_Create(&o);

    if (s == NATS_OK)
        s = set_options(o, options, bus);
    if (s == NATS_OK)
        s = natsConnection_Connect(&bus->nc, o);
    natsOptions_Destroy(o);
    return s;
}

/* Connect() calls no callback when it succeeds at once; a callback that came since knows better. */
static void note_first_connect(struct bus *bus)
{
    (void)pthread_mutex_lock(&bus->lock);
    if (!bus->told) {
        atomic_fetch_add(&bus->epoch, 1);
        atomic_store(&bus->connected, true);
    }
    (void)pthread_mutex_unlock(&bus->lock);
}

static struct bus *bus_alloc(const struct bus_options *options)
{
    struct bus *bus = calloc(1, sizeof(*bus));

    if (!bus)
        return NULL;
    bus->log = options->log;
    bus->given_up = options->given_up;
    bus->ctx = options->ctx;
    if (pthread_mutex_init(&bus->lock, NULL) != 0)
        goto no_lock;
    if (bus_cond_init(&bus->changed) < 0)
        goto no_cond;
    return bus;
no_cond:
    (void)pthread_mutex_destroy(&bus->lock);
no_lock:
    free(bus);
    return NULL;
}

static struct bus *bus_dealloc(struct bus *bus)
{
    (void)pthread_cond_destroy(&bus->changed);
    (void)pthread_mutex_destroy(&bus->lock);
    free(bus);
    return NULL;
}

/* The caller closes it in case of failure. */
static int connect_bus(struct bus *bus, const struct bus_options *options, struct strbuf *err)
{
    natsStatus s = connect_to(bus, options);
    if (s == NATS_OK) {
        note_first_connect(bus);
    } else if (s != NATS_NOT_YET_CONNECTED) {
        strbuf_setf(err,
                    "cannot use the NATS URL (%s): it is nats://[user:password@]host[:port], or "
                    "several with commas between them",
                    natsStatus_GetText(s));
        return s == NATS_NO_MEMORY ? -ENOMEM : -EINVAL;
    }
    s = natsConnection_JetStream(&bus->js, bus->nc, NULL);
    if (s != NATS_OK) {
        strbuf_setf(err, "NATS client: %s", natsStatus_GetText(s));
        return bus_errno(s);
    }
    return 0;
}

static int open_bus(const struct bus_options *options, struct polled *polled, struct bus **bus,
                    struct strbuf *err)
{
    int r;

    *bus = bus_alloc(options);
    if (!*bus) {
        strbuf_setf(err, "out of memory");
        return -ENOMEM;
    }
    (*bus)->polled = polled;
    r = connect_bus(*bus, options, err);
    if (r < 0)
        *bus = bus_close(*bus);
    return r;
}

int bus_open(const struct bus_options *options, struct bus **ret_bus, struct strbuf *err)
{
    struct bus *bus;
    int r = open_bus(options, /* polled= */ NULL, &bus, err);

    if (r == 0)
        *ret_bus = bus;
    return r;
}

int bus_open_polled(const struct bus_options *options, struct polled *polled, struct bus **ret_bus,
                    struct strbuf *err)
{
    return open_bus(options, polled, ret_bus, err);
}

/* The library calls back on its own thread even after Close() has returned; `closed` is its last.
 */
static void close_connection(struct bus *bus)
{
    atomic_store(&bus->closing, true);
    if (bus_connected(bus) && !bus->polled)
        (void)natsConnection_FlushTimeout(bus->nc, CLOSE_FLUSH_MSEC);
    natsConnection_Close(bus->nc);
    (void)pthread_mutex_lock(&bus->lock);
    while (!bus->closed)
        (void)pthread_cond_wait(&bus->changed, &bus->lock);
    (void)pthread_mutex_unlock(&bus->lock);
}

struct bus *bus_close(struct bus *bus)
{
    if (!bus)
        return NULL;
    if (bus->nc)
        close_connection(bus);
    bus_destroy_retired(bus);
    jsCtx_Destroy(bus->js);
    natsConnection_Destroy(bus->nc);
    return bus_dealloc(bus);
}

bool bus_connected(struct bus *bus)
{
    return atomic_load(&bus->connected);
}

bool bus_wait_connected(struct bus *bus, uint64_t timeout_usec)
{
    struct timespec until = bus_deadline_after(timeout_usec);
    int r = 0;

    if (bus_connected(bus))
        return true;
    (void)pthread_mutex_lock(&bus->lock);
    while (r == 0 && !bus_connected(bus))
        r = pthread_cond_timedwait(&bus->changed, &bus->lock, &until);
    (void)pthread_mutex_unlock(&bus->lock);
    return bus_connected(bus);
}

int bus_ping(struct bus *bus, uint64_t timeout_usec)
{
    int64_t msec = MAX((int64_t)(timeout_usec / USEC_PER_MSEC), 1);

    if (!bus_connected(bus))
        return -ENOTCONN;
    return bus_errno(natsConnection_FlushTimeout(bus->nc, msec));
}

void bus_stats_of(struct bus *bus, struct bus_stats *ret)
{
    natsStatistics *stats = NULL;

    *ret = (struct bus_stats){ .errors = atomic_load(&bus->errors) };
    if (natsStatistics_Create(&stats) == NATS_OK &&
        natsConnection_GetStats(bus->nc, stats) == NATS_OK)
        (void)natsStatistics_GetCounts(stats, &ret->in_msgs, &ret->in_bytes, &ret->out_msgs,
                                       &ret->out_bytes, &ret->reconnects);
    natsStatistics_Destroy(stats);
}

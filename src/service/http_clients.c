/*
 * A hash table of lists under one lock, which is taken only where a limit is set. The rate is held
 * with one number a client (the "virtual scheduling" of ATM Forum TM 4.0, 4.4.2, known as GCRA):
 * when the bucket that each request fills a little would be empty again.
 */
#include "service/http_clients.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"

#define BUCKETS 1024
#define SECOND ((uint64_t)NSEC_PER_SEC)
#define NETWORK_BYTES 8 /* of an IPv6 address */

struct client_key {
    unsigned char bytes[16];
};

struct http_client {
    LIST_ENTRY(http_client) link;
    struct client_key key;
    uint32_t connections;
    uint64_t empty_nsec; /* monotonic */
};
LIST_HEAD(client_list, http_client);

struct http_clients {
    pthread_mutex_t lock;
    uint32_t connections_max;
    uint64_t nsec_per_request; /* 0 = no limit */
    struct client_list buckets[BUCKETS];
};

struct http_clients *http_clients_new(uint32_t connections_max, uint32_t requests_per_second_max)
{
    struct http_clients *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->connections_max = connections_max;
    if (requests_per_second_max)
        c->nsec_per_request = SECOND / requests_per_second_max;
    (void)pthread_mutex_init(&c->lock, NULL);
    return c;
}

struct http_clients *http_clients_free(struct http_clients *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct http_client *client;

        while ((client = LIST_FIRST(&c->buckets[i]))) {
            LIST_REMOVE(client, link);
            free(client);
        }
    }
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

static struct client_key key_of(const struct sockaddr *address)
{
    struct client_key key = { { 0 } };

    if (address && address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;

        key.bytes[10] = key.bytes[11] = 0xff; /* as RFC 4291, 2.5.5.2 maps it */
        memcpy(key.bytes + 12, &in->sin_addr, 4);
    } else if (address && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)address;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

        memcpy(key.bytes, &in6->sin6_addr, mapped ? sizeof(key.bytes) : NETWORK_BYTES);
    }
    return key;
}

/* FNV-1a. That clients can choose addresses that collide costs them more than us: a list is as long
 * as there are clients with connections in it. */
static struct client_list *bucket_of(struct http_clients *c, const struct client_key *key)
{
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < sizeof(key->bytes); i++)
        hash = (hash ^ key->bytes[i]) * 16777619U;
    return &c->buckets[hash % BUCKETS];
}

/* Finds the client, and forgets those on its way that need no memory any more. */
static struct http_client *find(struct client_list *bucket, const struct client_key *key,
                                uint64_t now_nsec)
{
    struct http_client *client = LIST_FIRST(bucket), *next;

    for (; client; client = next) {
        next = LIST_NEXT(client, link);
        if (memcmp(&client->key, key, sizeof(*key)) == 0)
            return client;
        if (!client->connections && client->empty_nsec <= now_nsec) {
            LIST_REMOVE(client, link);
            free(client);
        }
    }
    return NULL;
}

static int enter(struct http_clients *c, const struct client_key *key, uint64_t now_nsec,
                 struct http_client **ret)
{
    struct client_list *bucket = bucket_of(c, key);
    struct http_client *client = find(bucket, key, now_nsec);

    if (client && c->connections_max && client->connections >= c->connections_max)
        return -EDQUOT;
    if (!client) {
        client = calloc(1, sizeof(*client));
        if (!client)
            return -ENOMEM;
        client->key = *key;
        LIST_INSERT_HEAD(bucket, client, link);
    }
    client->connections++;
    *ret = client;
    return 0;
}

int http_clients_enter(struct http_clients *c, const struct sockaddr *address, uint64_t now_usec,
                       struct http_client **ret)
{
    struct client_key key = key_of(address);
    int r;

    (void)pthread_mutex_lock(&c->lock);
    r = enter(c, &key, now_usec * 1000, ret);
    (void)pthread_mutex_unlock(&c->lock);
    return r;
}

void http_clients_leave(struct http_clients *c, struct http_client *client)
{
    (void)pthread_mutex_lock(&c->lock);
    if (--client->connections == 0 && !client->empty_nsec) {
        LIST_REMOVE(client, link);
        free(client);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

bool http_clients_request(struct http_clients *c, struct http_client *client, uint64_t now_usec)
{
    uint64_t now = now_usec * 1000, empty;
    bool ok;

    if (!c->nsec_per_request)
        return true;
    (void)pthread_mutex_lock(&c->lock);
    empty = MAX(client->empty_nsec, now) + c->nsec_per_request;
    ok = empty <= now + SECOND;
    if (ok)
        client->empty_nsec = empty;
    (void)pthread_mutex_unlock(&c->lock);
    return ok;
}

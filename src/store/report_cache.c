#include "store/report_cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/report_names.h"

#define SUBJECTS 2

struct stored {
    struct report_unit unit;
    struct report_cell *cells;
    size_t count;
    uint64_t used; /* when, by the clock of uses */
};

struct known_stamps {
    uint64_t view; /* 0 = none */
    struct report_span days;
    struct report_stamps stamps;
};

struct report_cache {
    pthread_mutex_t lock; /* guards all of it */
    size_t max_bytes, bytes;
    uint64_t uses;
    struct stored *units; /* sorted */
    size_t count, size;
    struct report_names names[CONTENT_COUNT];
    struct known_stamps known[SUBJECTS];
};

struct report_cache *report_cache_new(size_t max_bytes)
{
    struct report_cache *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return NULL;
    (void)pthread_mutex_init(&cache->lock, NULL);
    cache->max_bytes = max_bytes;
    for (int i = 0; i < CONTENT_COUNT; i++)
        report_names_init(&cache->names[i], max_bytes / 8);
    return cache;
}

struct report_cache *report_cache_free(struct report_cache *cache)
{
    if (!cache)
        return NULL;
    for (size_t i = 0; i < cache->count; i++)
        free(cache->units[i].cells);
    free(cache->units);
    for (int i = 0; i < CONTENT_COUNT; i++)
        report_names_release(&cache->names[i]);
    for (int i = 0; i < SUBJECTS; i++)
        report_stamps_release(&cache->known[i].stamps);
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache);
    return NULL;
}

enum report_subject report_content_subject(enum report_content content)
{
    return content == CONTENT_EVENTS ? SUBJECT_EVENTS : SUBJECT_REVENUE;
}

const struct report_grains *report_content_grains(enum report_content content)
{
    return content == CONTENT_CAMPAIGNS ? &report_grains_cubes : &report_grains_counts;
}

static void enter(struct report_cache *cache)
{
    (void)pthread_mutex_lock(&cache->lock);
}

static void leave(struct report_cache *cache)
{
    (void)pthread_mutex_unlock(&cache->lock);
}

int report_cache_name(struct report_cache *cache, enum report_content content,
                      const struct span parts[static REPORT_PARTS], uint32_t *ret)
{
    int r;

    enter(cache);
    r = report_names_add(&cache->names[content], parts, ret);
    leave(cache);
    return r;
}

static int compare(const struct report_unit *a, const struct report_unit *b)
{
    if (a->content != b->content)
        return a->content < b->content ? -1 : 1;
    if (a->level != b->level)
        return a->level < b->level ? -1 : 1;
    return (a->start_usec > b->start_usec) - (a->start_usec < b->start_usec);
}

/* Where the unit is, or would be. */
static size_t place_of(const struct report_cache *cache, const struct report_unit *unit,
                       bool *ret_there)
{
    size_t low = 0, high = cache->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = compare(&cache->units[middle].unit, unit);

        if (c == 0) {
            *ret_there = true;
            return middle;
        }
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_there = false;
    return low;
}

int report_cache_sum(struct report_cache *cache, const struct report_unit *unit,
                     struct report_span span, struct report_sums *sums, bool *ret_found)
{
    struct stored *stored;
    size_t place;
    int r = 0;

    enter(cache);
    place = place_of(cache, unit, ret_found);
    stored = *ret_found ? &cache->units[place] : NULL;
    if (stored && stored->unit.stamp == unit->stamp) {
        stored->used = ++cache->uses;
        r = report_sums_add(sums, unit, stored->cells, stored->count, span);
    } else {
        *ret_found = false;
    }
    leave(cache);
    return r;
}

bool report_cache_has(struct report_cache *cache, const struct report_unit *unit)
{
    size_t place;
    bool there;

    enter(cache);
    place = place_of(cache, unit, &there);
    there = there && cache->units[place].unit.stamp == unit->stamp;
    leave(cache);
    return there;
}

static size_t bytes_of(size_t cells)
{
    return sizeof(struct stored) + cells * sizeof(struct report_cell);
}

static void drop(struct report_cache *cache, size_t place)
{
    struct stored *s = &cache->units[place];

    cache->bytes -= bytes_of(s->count);
    free(s->cells);
    memmove(s, s + 1, (--cache->count - place) * sizeof(*s));
}

/* Until `bytes` fit. */
static void make_room(struct report_cache *cache, size_t bytes)
{
    while (cache->count && cache->bytes + bytes > cache->max_bytes) {
        size_t oldest = 0;

        for (size_t i = 1; i < cache->count; i++)
            if (cache->units[i].used < cache->units[oldest].used)
                oldest = i;
        drop(cache, oldest);
    }
}

static int grow(struct report_cache *cache)
{
    size_t size = MAX(cache->size * 2, (size_t)64);
    struct stored *units;

    if (cache->count < cache->size)
        return 0;
    units = realloc(cache->units, size * sizeof(*units));
    if (!units)
        return -ENOMEM;
    cache->units = units;
    cache->size = size;
    return 0;
}

static bool put(struct report_cache *cache, const struct report_unit *unit,
                struct report_cell *cells, size_t count)
{
    bool there;
    size_t place = place_of(cache, unit, &there);

    if (there)
        drop(cache, place);
    /* One that would take the place of most others is read again each time instead. */
    if (bytes_of(count) > cache->max_bytes / 4)
        return false;
    make_room(cache, bytes_of(count));
    if (grow(cache) < 0)
        return false;
    place = place_of(cache, unit, &there);
    memmove(&cache->units[place + 1], &cache->units[place],
            (cache->count - place) * sizeof(*cache->units));
    cache->units[place] = (struct stored){
        .unit = *unit,
        .cells = cells,
        .count = count,
        .used = ++cache->uses,
    };
    cache->count++;
    cache->bytes += bytes_of(count);
    return true;
}

void report_cache_put(struct report_cache *cache, const struct report_unit *unit,
                      struct report_cell *cells, size_t count)
{
    bool kept;

    enter(cache);
    kept = put(cache, unit, cells, count);
    leave(cache);
    if (!kept)
        free(cells);
}

int report_cache_rows(struct report_cache *cache, enum report_content content,
                      const struct report_sums *sums, struct report_row **ret_rows,
                      size_t *ret_count)
{
    const struct report_names *names = &cache->names[content];
    struct report_row *rows = calloc(sums->size + 1, sizeof(*rows));
    const uint32_t *order;
    size_t count = 0;

    if (!rows)
        return -ENOMEM;
    enter(cache);
    order = report_names_order(&cache->names[content]);
    for (uint32_t i = 0; order && i < names->count; i++) {
        uint32_t name = order[i];

        if (name >= sums->size || !sums->counts[name])
            continue;
        memcpy(rows[count].part, names->name[name].part, sizeof(rows[count].part));
        rows[count].count = sums->counts[name];
        rows[count++].cents = sums->cents[name];
    }
    leave(cache);
    if (!order) {
        free(rows);
        return -ENOMEM;
    }
    *ret_rows = rows;
    *ret_count = count;
    return 0;
}

static bool covers(struct report_span outer, struct report_span inner)
{
    return outer.from_usec <= inner.from_usec && inner.to_usec <= outer.to_usec;
}

int report_cache_stamps(struct report_cache *cache, enum report_subject subject, uint64_t view,
                        struct report_span days, struct report_stamps *ret, bool *ret_found)
{
    const struct known_stamps *known = &cache->known[subject];
    int r = 0;

    enter(cache);
    *ret_found = view && known->view == view && covers(known->days, days);
    for (size_t i = 0; *ret_found && r == 0 && i < known->stamps.count; i++)
        if (known->stamps.stamp[i].day_usec >= days.from_usec &&
            known->stamps.stamp[i].day_usec < days.to_usec)
            r = report_stamps_add(ret, known->stamps.stamp[i].day_usec,
                                  known->stamps.stamp[i].stamp);
    leave(cache);
    return r;
}

/* Those of the narrower span would be asked for again. */
void report_cache_put_stamps(struct report_cache *cache, enum report_subject subject, uint64_t view,
                             struct report_span days, struct report_stamps *stamps)
{
    struct known_stamps *known = &cache->known[subject];

    enter(cache);
    if (known->view != view || !covers(known->days, days)) {
        report_stamps_release(&known->stamps);
        known->view = view;
        known->days = days;
        known->stamps = *stamps;
        *stamps = (struct report_stamps){ 0 };
    }
    leave(cache);
    report_stamps_release(stamps);
}

/*
 * An event is a function of (seed, its number, its timestamp), so that an earlier one is repeated
 * to the byte by making it again: only numbers and timestamps are remembered.
 */
#include "load/generator.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "event/money.h"
#include "load/profile.h"
#include "load/random.h"

#define ID_PREFIX_MAX 100
#define REMEMBERED 4096
#define RECENT 100

/* families of random streams */
enum { STREAM_EVENT = 1, STREAM_CHOICE, STREAM_CORRUPT };

struct remembered {
    uint64_t number;
    int64_t timestamp_usec;
};

struct generator {
    struct generator_options options;
    char id_prefix[ID_PREFIX_MAX + 1];
    uint32_t seed_mark; /* in user ids: users of another seed are other people */
    struct random choice;
    struct random corrupt;
    uint64_t made; /* originals */
    uint64_t since_start;
    uint64_t corrupted;
    struct remembered past[REMEMBERED];
};

/* All that is written of one event. */
struct draft {
    struct generated facts;
    uint64_t number;
    enum corruption corruption; /* CORRUPT_COUNT = none */
    bool has_amount;
    char timestamp[TIMESTAMP_TEXT_MAX];
    struct profile profile;
    struct random random;
};

static const enum event_type types_of[SOURCE_COUNT][STAGE_COUNT][4] = {
    [SOURCE_FACEBOOK] = {
        [STAGE_TOP] = { TYPE_AD_VIEW, TYPE_PAGE_LIKE, TYPE_COMMENT, TYPE_VIDEO_VIEW },
        [STAGE_BOTTOM] = { TYPE_AD_CLICK, TYPE_AD_CLICK, TYPE_FORM_SUBMISSION,
                           TYPE_CHECKOUT_COMPLETE },
    },
    [SOURCE_TIKTOK] = {
        [STAGE_TOP] = { TYPE_VIDEO_VIEW, TYPE_LIKE, TYPE_SHARE, TYPE_COMMENT },
        [STAGE_BOTTOM] = { TYPE_PROFILE_VISIT, TYPE_PROFILE_VISIT, TYPE_PURCHASE, TYPE_FOLLOW },
    },
};

static const char *const source_marks[SOURCE_COUNT] = { "fb", "ttk" };
static const char *const referrers[] = { "newsfeed", "marketplace", "groups" };
static const char *const click_positions[] = { "top_left", "bottom_right", "center" };
static const char *const browsers[] = { "Chrome", "Firefox", "Safari" };
static const char *const facebook_devices[] = { "mobile", "desktop" };
static const char *const tiktok_devices[] = { "Android", "iOS", "Desktop" };
static const char *const items[] = { "running shoes", "rain jacket", "desk lamp", "tea set" };

#define PICK(random, array) (array)[random_below((random), ARRAY_SIZE(array))]

static void draft_event(const struct generator *g, uint64_t number, int64_t timestamp_usec,
                        struct draft *d)
{
    struct generated *f = &d->facts;

    *d = (struct draft){ .number = number, .corruption = CORRUPT_COUNT };
    d->random = random_split(g->options.seed, STREAM_EVENT, number);
    f->source = g->options.source >= 0 ? (enum event_source)g->options.source
                                       : (enum event_source)random_below(&d->random, SOURCE_COUNT);
    f->stage = (enum event_stage)random_below(&d->random, STAGE_COUNT);
    f->type = types_of[f->source][f->stage][random_below(&d->random, 4)];
    f->user = (uint32_t)random_below(&d->random, g->options.users);
    f->timestamp_usec = timestamp_usec;
    (void)timestamp_format(timestamp_usec, d->timestamp);
    d->profile = profile_of(g->options.seed, f->source, f->user);

    if (f->type == TYPE_CHECKOUT_COMPLETE || f->type == TYPE_PURCHASE) {
        f->revenue = true;
        d->has_amount = random_below(&d->random, 20) != 0; /* some platforms leave it out */
        if (d->has_amount)
            f->amount_cents = (int64_t)random_below(&d->random, 50000);
    }
}

static void write_amount(const struct draft *d, struct strbuf *out)
{
    strbuf_adds(out, "\"purchaseAmount\":");
    if (!d->has_amount) {
        strbuf_adds(out, "null");
        return;
    }
    strbuf_addc(out, '"');
    (void)money_format(out, d->facts.amount_cents); /* errors stick in out */
    strbuf_addc(out, '"');
}

static void write_facebook_top(struct draft *d, struct strbuf *out)
{
    strbuf_addf(out, "\"actionTime\":\"%s\",\"referrer\":\"%s\",\"videoId\":", d->timestamp,
                PICK(&d->random, referrers));
    if (d->facts.type == TYPE_VIDEO_VIEW)
        strbuf_addf(out, "\"video-%04u\"", (unsigned)random_below(&d->random, 2000));
    else
        strbuf_adds(out, "null");
}

static void write_facebook_bottom(const struct generator *g, struct draft *d, struct strbuf *out)
{
    strbuf_addf(out,
                "\"adId\":\"ad-%05u\",\"campaignId\":\"campaign-%03u\",\"clickPosition\":\"%s\","
                "\"device\":\"%s\",\"browser\":\"%s\",",
                (unsigned)random_below(&d->random, 10000),
                (unsigned)random_below(&d->random, g->options.campaigns),
                PICK(&d->random, click_positions), PICK(&d->random, facebook_devices),
                PICK(&d->random, browsers));
    write_amount(d, out);
}

static void write_tiktok_top(struct draft *d, struct strbuf *out)
{
    strbuf_addf(out,
                "\"watchTime\":%u,\"percentageWatched\":%u,\"device\":\"%s\",\"country\":\"%s\","
                "\"videoId\":\"video-%04u\"",
                (unsigned)random_below(&d->random, 180), (unsigned)random_below(&d->random, 101),
                PICK(&d->random, tiktok_devices), d->profile.country,
                (unsigned)random_below(&d->random, 2000));
}

static void write_tiktok_bottom(struct draft *d, struct strbuf *out)
{
    strbuf_addf(out, "\"actionTime\":\"%s\",\"profileId\":", d->timestamp);
    if (d->facts.type == TYPE_PURCHASE)
        strbuf_addf(out, "null,\"purchasedItem\":\"%s\",", PICK(&d->random, items));
    else
        strbuf_addf(out, "\"profile-%05u\",\"purchasedItem\":null,",
                    (unsigned)random_below(&d->random, 50000));
    write_amount(d, out);
}

static void write_engagement(const struct generator *g, struct draft *d, struct strbuf *out)
{
    bool top = d->facts.stage == STAGE_TOP;

    if (d->facts.source == SOURCE_FACEBOOK && top)
        write_facebook_top(d, out);
    else if (d->facts.source == SOURCE_FACEBOOK)
        write_facebook_bottom(g, d, out);
    else if (top)
        write_tiktok_top(d, out);
    else
        write_tiktok_bottom(d, out);
}

static void write_number(const struct draft *d, uint64_t value, struct strbuf *out)
{
    if (d->corruption == CORRUPT_NUMBER_TEXT)
        strbuf_adds(out, "\"not-a-number\"");
    else
        strbuf_addu64(out, value);
}

static void write_user(const struct generator *g, const struct draft *d, struct strbuf *out)
{
    const struct profile *p = &d->profile;

    strbuf_addf(out, "\"user\":{\"userId\":\"%s-%06" PRIx32 "-%07" PRIu32 "\",",
                source_marks[d->facts.source], g->seed_mark, d->facts.user);
    if (d->facts.source == SOURCE_FACEBOOK) {
        strbuf_addf(out, "\"name\":\"%s %s\",\"age\":", p->first, p->last);
        write_number(d, p->age, out);
        strbuf_addf(out, ",\"gender\":\"%s\",\"location\":{\"country\":\"%s\",\"city\":\"%s\"}",
                    p->gender, p->country, p->city);
    } else {
        strbuf_addf(out, "\"username\":\"%s.%s%" PRIu32 "\",\"followers\":", p->first, p->last,
                    d->facts.user);
        write_number(d, p->followers, out);
    }
    strbuf_adds(out, "},");
}

static void write_type(const struct draft *d, struct strbuf *out)
{
    const char *name = event_type_names[d->facts.type];

    if (d->corruption == CORRUPT_EVENT_TYPE_ARRAY)
        strbuf_addf(out, "\"eventType\":[\"%s\"],", name);
    else if (d->corruption == CORRUPT_EVENT_TYPE_UNKNOWN)
        strbuf_adds(out, "\"eventType\":\"ad.teleported\",");
    else
        strbuf_addf(out, "\"eventType\":\"%s\",", name);
}

static void write_envelope(const struct generator *g, const struct draft *d, struct strbuf *out)
{
    const struct generated *f = &d->facts;

    if (d->corruption != CORRUPT_NO_EVENT_ID)
        strbuf_addf(out, "\"eventId\":\"%s-%s-%s%09" PRIu64 "\",", g->id_prefix,
                    source_marks[f->source], d->corruption == CORRUPT_COUNT ? "" : "corrupt-",
                    d->number);
    strbuf_addf(out, "\"timestamp\":\"%s\",\"source\":\"%s\",",
                d->corruption == CORRUPT_TIMESTAMP_TEXT ? "invalid-timestamp" : d->timestamp,
                d->corruption == CORRUPT_SOURCE ? "myspace" : event_source_names[f->source]);
    if (d->corruption == CORRUPT_STAGE_NULL)
        strbuf_adds(out, "\"funnelStage\":null,");
    else
        strbuf_addf(out, "\"funnelStage\":\"%s\",", event_stage_names[f->stage]);
    write_type(d, out);
}

static int write_event(const struct generator *g, struct draft *d, struct strbuf *out)
{
    strbuf_addc(out, '{');
    write_envelope(g, d, out);
    strbuf_adds(out, "\"data\":{");
    if (d->corruption != CORRUPT_NO_USER)
        write_user(g, d, out);
    strbuf_adds(out, "\"engagement\":{");
    write_engagement(g, d, out);
    strbuf_adds(out, "}}}");
    return strbuf_error(out);
}

static int64_t timestamp_for(struct generator *g, uint64_t number)
{
    struct random r;

    if (g->options.span_usec <= 0)
        return g->options.start_usec + (int64_t)g->since_start * g->options.step_usec;
    r = random_split(g->options.seed, STREAM_CHOICE, number);
    return g->options.start_usec - (int64_t)random_below(&r, (uint64_t)g->options.span_usec);
}

static const struct remembered *pick_earlier(struct generator *g)
{
    uint64_t reach = random_below(&g->choice, 2) ? RECENT : REMEMBERED;
    uint64_t back = 1 + random_below(&g->choice, MIN(reach, g->made));

    return &g->past[(g->made - back) % REMEMBERED];
}

static const struct remembered *make_new(struct generator *g)
{
    struct remembered *slot = &g->past[g->made % REMEMBERED];

    slot->number = g->made;
    slot->timestamp_usec = timestamp_for(g, g->made);
    g->made++;
    g->since_start++;
    return slot;
}

struct generator *generator_new(const struct generator_options *options)
{
    struct generator *g = calloc(1, sizeof(*g));
    struct random mark = random_split(options->seed, 0, 0);

    if (!g)
        return NULL;
    g->options = *options;
    g->options.users = MAX(options->users, 1U);
    g->options.campaigns = MAX(options->campaigns, 1U);
    g->choice = random_split(options->seed, STREAM_CHOICE, UINT64_MAX);
    g->corrupt = random_split(options->seed, STREAM_CORRUPT, UINT64_MAX);
    g->seed_mark = (uint32_t)(random_u64(&mark) & 0xffffff);
    if (options->id_prefix)
        (void)snprintf(g->id_prefix, sizeof(g->id_prefix), "%s", options->id_prefix);
    else
        (void)snprintf(g->id_prefix, sizeof(g->id_prefix), "seed-%016" PRIx64, options->seed);
    g->options.id_prefix = g->id_prefix;
    return g;
}

struct generator *generator_free(struct generator *g)
{
    free(g);
    return NULL;
}

void generator_set_start(struct generator *g, int64_t start_usec)
{
    g->options.start_usec = start_usec;
    g->since_start = 0;
}

int generator_next(struct generator *g, struct strbuf *out, struct generated *ret)
{
    bool again =
        g->options.duplicates > 0 && g->made > 0 && random_unit(&g->choice) < g->options.duplicates;
    const struct remembered *which = again ? pick_earlier(g) : make_new(g);
    struct draft d;
    int r;

    draft_event(g, which->number, which->timestamp_usec, &d);
    d.facts.duplicate = again;
    r = write_event(g, &d, out);
    if (r < 0)
        return r;
    *ret = d.facts;
    return 0;
}

int generator_corrupt(struct generator *g, struct strbuf *out)
{
    struct draft d;

    draft_event(g, random_u64(&g->corrupt), g->options.start_usec, &d);
    d.number = g->corrupted++;
    d.corruption = (enum corruption)random_below(&g->corrupt, CORRUPT_COUNT);
    return write_event(g, &d, out);
}

#include "contract.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "reference.h"

#define USER "/data/user"
#define ENGAGEMENT "/data/engagement"
#define YEAR_2000 INT64_C(946684800000000)
#define DAY INT64_C(86400000000)

static const char facebook_types[] =
    " ad.view page.like comment video.view ad.click form.submission"
    " checkout.complete ";
static const char tiktok_types[] = " video.view like share comment profile.visit purchase follow ";

/* `words` has a space around each word. */
static bool is_one_of(struct jansson_value v, const char *words)
{
    char word[64];

    if (v.kind != JANSSON_STRING || v.text.len > 32 || memchr(v.text.ptr, ' ', v.text.len) ||
        memchr(v.text.ptr, '\0', v.text.len))
        return false;
    (void)snprintf(word, sizeof(word), " %.*s ", SPAN_ARG(v.text));
    return strstr(words, word) != NULL;
}

static bool is_text(struct jansson_value v, size_t min, size_t max)
{
    return v.kind == JANSSON_STRING && v.text.len >= min && v.text.len <= max;
}

static bool is_absent(struct jansson_value v)
{
    return v.kind == JANSSON_NONE || v.kind == JANSSON_NULL;
}

static bool envelope_holds(struct jansson *doc, int64_t now_usec)
{
    struct jansson_value when = jansson_at(doc, "/timestamp");
    int64_t usec;

    return is_text(jansson_at(doc, "/eventId"), 1, 200) && when.kind == JANSSON_STRING &&
           reference_time(when.text, &usec) && usec >= YEAR_2000 && usec <= now_usec + DAY &&
           is_one_of(jansson_at(doc, "/source"), " facebook tiktok ") &&
           is_one_of(jansson_at(doc, "/funnelStage"), " top bottom ") &&
           jansson_at(doc, "/data").kind == JANSSON_OBJECT &&
           jansson_at(doc, USER).kind == JANSSON_OBJECT;
}

static bool facebook_user_holds(struct jansson *doc)
{
    struct jansson_value age = jansson_at(doc, USER "/age");

    return is_text(jansson_at(doc, USER "/userId"), 0, 200) &&
           is_text(jansson_at(doc, USER "/name"), 0, 500) && age.kind == JANSSON_NUMBER &&
           age.number >= 0 && age.number <= 150 &&
           is_one_of(jansson_at(doc, USER "/gender"), " male female non-binary ") &&
           is_text(jansson_at(doc, USER "/location/country"), 0, 200) &&
           is_text(jansson_at(doc, USER "/location/city"), 0, 200);
}

static bool tiktok_user_holds(struct jansson *doc)
{
    struct jansson_value followers = jansson_at(doc, USER "/followers");

    return is_text(jansson_at(doc, USER "/userId"), 0, 200) &&
           is_text(jansson_at(doc, USER "/username"), 0, 500) && followers.kind == JANSSON_NUMBER &&
           followers.number >= 0 && followers.number <= 9007199254740991.0 &&
           fmod(followers.number, 1) == 0;
}

static bool is_currency(struct jansson_value v)
{
    return is_text(v, 3, 3) && isalpha((unsigned char)v.text.ptr[0]) &&
           isalpha((unsigned char)v.text.ptr[1]) && isalpha((unsigned char)v.text.ptr[2]);
}

static bool engagement_holds(struct jansson *doc, bool facebook)
{
    static const char *const texts[] = { "campaignId", "videoId", "device", NULL };
    struct jansson_value amount = jansson_at(doc, ENGAGEMENT "/purchaseAmount");
    struct jansson_value currency = jansson_at(doc, ENGAGEMENT "/currency");
    struct jansson_value own =
        jansson_at(doc, facebook ? ENGAGEMENT "/adId" : ENGAGEMENT "/country");
    char digits[REFERENCE_DIGITS_MAX];

    if (is_absent(jansson_at(doc, ENGAGEMENT)))
        return true;
    if (jansson_at(doc, ENGAGEMENT).kind != JANSSON_OBJECT)
        return false;
    for (const char *const *name = texts; *name; name++) {
        char pointer[64];
        struct jansson_value v;

        (void)snprintf(pointer, sizeof(pointer), ENGAGEMENT "/%s", *name);
        v = jansson_at(doc, pointer);
        if (!is_absent(v) && !is_text(v, 0, 200))
            return false;
    }
    return (is_absent(own) || is_text(own, 0, 200)) &&
           (is_absent(currency) || is_currency(currency)) &&
           (is_absent(amount) ||
            (amount.kind == JANSSON_STRING && reference_money(amount.text, digits)));
}

bool contract_holds(struct jansson *doc, int64_t now_usec)
{
    bool facebook = is_one_of(jansson_at(doc, "/source"), " facebook ");

    return envelope_holds(doc, now_usec) &&
           is_one_of(jansson_at(doc, "/eventType"), facebook ? facebook_types : tiktok_types) &&
           (facebook ? facebook_user_holds(doc) : tiktok_user_holds(doc)) &&
           engagement_holds(doc, facebook);
}

/* ---- what it holds ---- */

static void same_text(struct jansson *doc, const char *pointer, struct span mine)
{
    struct jansson_value v = jansson_at(doc, pointer);

    if (is_absent(v))
        EXPECT(!mine.ptr);
    else
        EXPECT(v.kind == JANSSON_STRING && mine.ptr && span_eq(v.text, mine));
}

static void check_user(struct jansson *doc, const struct event_user *user, bool facebook)
{
    same_text(doc, USER "/userId", user->user_id);
    if (!facebook) {
        same_text(doc, USER "/username", user->name);
        EXPECT(jansson_at(doc, USER "/followers").number == (double)user->followers);
        return;
    }
    same_text(doc, USER "/name", user->name);
    same_text(doc, USER "/gender", span_str(event_gender_names[user->gender]));
    same_text(doc, USER "/location/country", user->country);
    same_text(doc, USER "/location/city", user->city);
    EXPECT(jansson_at(doc, USER "/age").number == user->age);
}

static void check_money(struct jansson *doc, const struct event_engagement *e)
{
    struct jansson_value amount = jansson_at(doc, ENGAGEMENT "/purchaseAmount");
    struct jansson_value currency = jansson_at(doc, ENGAGEMENT "/currency");
    char expected[REFERENCE_DIGITS_MAX], digits[REFERENCE_DIGITS_MAX];

    EXPECT(e->has_amount == !is_absent(amount));
    if (e->has_amount) {
        (void)snprintf(digits, sizeof(digits), "%lld", (long long)e->amount_cents);
        EXPECT(reference_money(amount.text, expected) && strcmp(digits, expected) == 0);
    }
    EXPECT(
        span_eq_nocase(span_str(e->currency), is_absent(currency) ? SPAN("USD") : currency.text));
    for (int i = 0; i < 3; i++)
        EXPECT(isupper((unsigned char)e->currency[i]));
}

void contract_check(struct jansson *doc, const struct event *ev)
{
    const struct event_engagement *e = &ev->engagement;
    bool facebook = ev->source == SOURCE_FACEBOOK;
    int64_t usec;

    same_text(doc, "/eventId", ev->event_id);
    EXPECT(reference_time(jansson_at(doc, "/timestamp").text, &usec) && usec == ev->timestamp_usec);
    same_text(doc, "/source", span_str(event_source_names[ev->source]));
    same_text(doc, "/funnelStage", span_str(event_stage_names[ev->stage]));
    same_text(doc, "/eventType", span_str(event_type_names[ev->type]));
    check_user(doc, &ev->user, facebook);
    same_text(doc, ENGAGEMENT "/campaignId", e->campaign_id);
    same_text(doc, ENGAGEMENT "/videoId", e->video_id);
    same_text(doc, ENGAGEMENT "/device", e->device);
    same_text(doc, facebook ? ENGAGEMENT "/adId" : ENGAGEMENT "/country",
              facebook ? e->ad_id : e->country);
    check_money(doc, e);
}

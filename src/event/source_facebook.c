#include "base/macros.h"
#include "event/source.h"

#define USER "/data/user"
#define LOCATION "/data/user/location"
#define ENGAGEMENT "/data/engagement"

static const char *const referrers[] = { "newsfeed", "marketplace", "groups" };
static const char *const positions[] = { "top_left", "bottom_right", "center" };
static const char *const devices[] = { "mobile", "desktop" };
static const char *const browsers[] = { "Chrome", "Firefox", "Safari" };

static const struct field location[] = {
    { FIELD(LOCATION, "country"), TEXT(EVENT_TEXT_MAX), INTO(user.country), .required = true },
    { FIELD(LOCATION, "city"), TEXT(EVENT_TEXT_MAX), INTO(user.city), .required = true },
};

static const struct field user[] = {
    { FIELD(USER, "userId"), TEXT(EVENT_TEXT_MAX), INTO(user.user_id), .required = true },
    { FIELD(USER, "name"), TEXT(EVENT_NAME_MAX), INTO(user.name), .required = true },
    { FIELD(USER, "age"), .kind = &field_number, .max = EVENT_AGE_MAX, INTO(user.age),
      .required = true },
    { FIELD(USER, "gender"), NAMES(event_gender_names, GENDER_COUNT), INTO(user.gender),
      .required = true },
    { FIELD(USER, "location"), .kind = &field_object, .table = FIELD_TABLE(location),
      .required = true },
};

static const struct field lenient[] = {
    { FIELD(ENGAGEMENT, "adId"), TEXT(EVENT_TEXT_MAX), INTO(engagement.ad_id), .nullable = true },
    { FIELD(ENGAGEMENT, "campaignId"), TEXT(EVENT_TEXT_MAX), INTO(engagement.campaign_id),
      .nullable = true },
    { FIELD(ENGAGEMENT, "device"), TEXT(EVENT_TEXT_MAX), INTO(engagement.device),
      .nullable = true },
    { FIELD(ENGAGEMENT, "purchaseAmount"), .kind = &field_amount, .nullable = true },
    { FIELD(ENGAGEMENT, "currency"), .kind = &field_currency, .nullable = true },
    { FIELD(ENGAGEMENT, "videoId"), TEXT(EVENT_TEXT_MAX), INTO(engagement.video_id),
      .nullable = true },
};

static const struct field strict_top[] = {
    { FIELD(ENGAGEMENT, "actionTime"), .kind = &field_date_time, .required = true },
    { FIELD(ENGAGEMENT, "referrer"), NAMES(referrers, ARRAY_SIZE(referrers)), .required = true },
    { FIELD(ENGAGEMENT, "videoId"), TEXT(EVENT_TEXT_MAX), INTO(engagement.video_id),
      .required = true, .nullable = true },
};

static const struct field strict_bottom[] = {
    { FIELD(ENGAGEMENT, "adId"), TEXT(EVENT_TEXT_MAX), INTO(engagement.ad_id), .required = true },
    { FIELD(ENGAGEMENT, "campaignId"), TEXT(EVENT_TEXT_MAX), INTO(engagement.campaign_id),
      .required = true },
    { FIELD(ENGAGEMENT, "clickPosition"), NAMES(positions, ARRAY_SIZE(positions)),
      .required = true },
    { FIELD(ENGAGEMENT, "device"), .kind = &field_word, .names = devices,
      .name_count = ARRAY_SIZE(devices), INTO(engagement.device), .required = true },
    { FIELD(ENGAGEMENT, "browser"), NAMES(browsers, ARRAY_SIZE(browsers)), .required = true },
    { FIELD(ENGAGEMENT, "purchaseAmount"), .kind = &field_amount, .required = true,
      .nullable = true },
};

const struct source_rules facebook_rules = {
    .types = {
        [STAGE_TOP] = TYPE_BIT(TYPE_AD_VIEW) | TYPE_BIT(TYPE_PAGE_LIKE) | TYPE_BIT(TYPE_COMMENT) |
                      TYPE_BIT(TYPE_VIDEO_VIEW),
        [STAGE_BOTTOM] = TYPE_BIT(TYPE_AD_CLICK) | TYPE_BIT(TYPE_FORM_SUBMISSION) |
                         TYPE_BIT(TYPE_CHECKOUT_COMPLETE),
    },
    .user = FIELD_TABLE(user),
    .lenient = FIELD_TABLE(lenient),
    .strict = { [STAGE_TOP] = FIELD_TABLE(strict_top), [STAGE_BOTTOM] = FIELD_TABLE(strict_bottom) },
};

#include <math.h>

#include "base/macros.h"
#include "event/source.h"

#define USER "/data/user"
#define ENGAGEMENT "/data/engagement"

static const char *const devices[] = { "Android", "iOS", "Desktop" };

static const struct field user[] = {
    { FIELD(USER, "userId"), TEXT(EVENT_TEXT_MAX), INTO(user.user_id), .required = true },
    { FIELD(USER, "username"), TEXT(EVENT_NAME_MAX), INTO(user.name), .required = true },
    { FIELD(USER, "followers"), .kind = &field_integer, .max = EVENT_FOLLOWERS_MAX,
      INTO(user.followers), .required = true },
};

static const struct field lenient[] = {
    { FIELD(ENGAGEMENT, "device"), TEXT(EVENT_TEXT_MAX), INTO(engagement.device),
      .nullable = true },
    { FIELD(ENGAGEMENT, "country"), TEXT(EVENT_TEXT_MAX), INTO(engagement.country),
      .nullable = true },
    { FIELD(ENGAGEMENT, "videoId"), TEXT(EVENT_TEXT_MAX), INTO(engagement.video_id),
      .nullable = true },
    { FIELD(ENGAGEMENT, "purchaseAmount"), .kind = &field_amount, .nullable = true },
    { FIELD(ENGAGEMENT, "currency"), .kind = &field_currency, .nullable = true },
    { FIELD(ENGAGEMENT, "campaignId"), TEXT(EVENT_TEXT_MAX), INTO(engagement.campaign_id),
      .nullable = true },
};

static const struct field strict_top[] = {
    { FIELD(ENGAGEMENT, "watchTime"), .kind = &field_number, .max = INFINITY, .required = true },
    { FIELD(ENGAGEMENT, "percentageWatched"), .kind = &field_number, .max = 100, .required = true },
    { FIELD(ENGAGEMENT, "device"), .kind = &field_word, .names = devices,
      .name_count = ARRAY_SIZE(devices), INTO(engagement.device), .required = true },
    { FIELD(ENGAGEMENT, "country"), TEXT(EVENT_TEXT_MAX), INTO(engagement.country),
      .required = true },
    { FIELD(ENGAGEMENT, "videoId"), TEXT(EVENT_TEXT_MAX), INTO(engagement.video_id),
      .required = true },
};

static const struct field strict_bottom[] = {
    { FIELD(ENGAGEMENT, "actionTime"), .kind = &field_date_time, .required = true },
    { FIELD(ENGAGEMENT, "profileId"), TEXT(INFINITY), .required = true, .nullable = true },
    { FIELD(ENGAGEMENT, "purchasedItem"), TEXT(INFINITY), .required = true, .nullable = true },
    { FIELD(ENGAGEMENT, "purchaseAmount"), .kind = &field_amount, .required = true,
      .nullable = true },
};

const struct source_rules tiktok_rules = {
    .types = {
        [STAGE_TOP] = TYPE_BIT(TYPE_VIDEO_VIEW) | TYPE_BIT(TYPE_LIKE) | TYPE_BIT(TYPE_SHARE) |
                      TYPE_BIT(TYPE_COMMENT),
        [STAGE_BOTTOM] = TYPE_BIT(TYPE_PROFILE_VISIT) | TYPE_BIT(TYPE_PURCHASE) |
                         TYPE_BIT(TYPE_FOLLOW),
    },
    .user = FIELD_TABLE(user),
    .lenient = FIELD_TABLE(lenient),
    .strict = { [STAGE_TOP] = FIELD_TABLE(strict_top), [STAGE_BOTTOM] = FIELD_TABLE(strict_bottom) },
};

#include "event/event.h"

#include "event/source.h"

const char *const event_source_names[SOURCE_COUNT] = {
    [SOURCE_FACEBOOK] = "facebook",
    [SOURCE_TIKTOK] = "tiktok",
};

const char *const event_stage_names[STAGE_COUNT] = {
    [STAGE_TOP] = "top",
    [STAGE_BOTTOM] = "bottom",
};

const char *const event_type_names[TYPE_COUNT] = {
    [TYPE_AD_VIEW] = "ad.view",
    [TYPE_PAGE_LIKE] = "page.like",
    [TYPE_COMMENT] = "comment",
    [TYPE_VIDEO_VIEW] = "video.view",
    [TYPE_AD_CLICK] = "ad.click",
    [TYPE_FORM_SUBMISSION] = "form.submission",
    [TYPE_CHECKOUT_COMPLETE] = "checkout.complete",
    [TYPE_LIKE] = "like",
    [TYPE_SHARE] = "share",
    [TYPE_PROFILE_VISIT] = "profile.visit",
    [TYPE_PURCHASE] = "purchase",
    [TYPE_FOLLOW] = "follow",
};

const char *const event_gender_names[GENDER_COUNT] = {
    [GENDER_MALE] = "male",
    [GENDER_FEMALE] = "female",
    [GENDER_NON_BINARY] = "non-binary",
};

static const struct source_rules *const rules[SOURCE_COUNT] = {
    [SOURCE_FACEBOOK] = &facebook_rules,
    [SOURCE_TIKTOK] = &tiktok_rules,
};

const struct source_rules *source_rules_of(enum event_source source)
{
    return rules[source];
}

int event_name_find(const char *const *names, int count, struct span text)
{
    if (!text.len)
        return -1;
    for (int i = 0; i < count; i++)
        if (names[i][0] == text.ptr[0] && span_eq(span_str(names[i]), text))
            return i;
    return -1;
}

bool event_type_of_stage(enum event_source source, enum event_stage stage, enum event_type type)
{
    return type < TYPE_COUNT && (rules[source]->types[stage] & TYPE_BIT(type)) != 0;
}

bool event_type_of_source(enum event_source source, enum event_type type)
{
    return event_type_of_stage(source, STAGE_TOP, type) ||
           event_type_of_stage(source, STAGE_BOTTOM, type);
}

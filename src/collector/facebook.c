#include "collector/source.h"

const struct source source_facebook = {
    .name = "facebook",
    .source = SOURCE_FACEBOOK,
    .service = "fb-collector",
    .role = ROLE_FB_COLLECTOR,
    .durable = "fb-collector",
    .metric_prefix = "fb_collector",
    .port = 3001,
    .about = "Stores Facebook events: from JetStream into PostgreSQL, each exactly once.",
};

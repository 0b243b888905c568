#include "collector/source.h"

const struct source source_tiktok = {
    .name = "tiktok",
    .source = SOURCE_TIKTOK,
    .service = "ttk-collector",
    .role = ROLE_TTK_COLLECTOR,
    .durable = "ttk-collector",
    .metric_prefix = "ttk_collector",
    .port = 3002,
    .about = "Stores TikTok events: from JetStream into PostgreSQL, each exactly once.",
};

/* GET /openapi.json: the reporter's API as OpenAPI 3.1, from src/reporter/openapi.json. */
#pragma once

#include "service/http.h"

void openapi_handle(struct http_request *req, void *ctx);

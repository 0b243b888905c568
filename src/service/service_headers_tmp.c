#include "service/http.h"

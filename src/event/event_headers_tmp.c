#include "event/batch.h"

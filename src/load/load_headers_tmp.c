#include "load/generator.h"

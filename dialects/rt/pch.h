// What every file of this folder includes, compiled once.

#ifndef AICC_DIALECTS_RT_PCH_H
#define AICC_DIALECTS_RT_PCH_H

#include "dialects/rt/Rt.h"

#endif

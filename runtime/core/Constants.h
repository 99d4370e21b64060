//===- Constants.h - weights where kernels read them -------------------------------------===//
//
// Part of loading a module; apart from it because it is about memory, not about the file.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_CORE_CONSTANTS_H
#define AICC_RUNTIME_CORE_CONSTANTS_H

#include "runtime/core/Module.h"

namespace aicc::rt {

/// Fills module.constants with addresses on its device. The functions have been decoded: on a device with
/// memory of its own only what they read is there. What was allocated when it fails is the module's to free.
aicc_status *placeConstants(aicc_module &module);

} // namespace aicc::rt

#endif // AICC_RUNTIME_CORE_CONSTANTS_H

//===- Select.h - which of a module's programs runs where --------------------------------===//
//
// The choice of a program for a device, and of a device for a module.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_CORE_SELECT_H
#define AICC_RUNTIME_CORE_SELECT_H

#include "runtime/core/Module.h"

namespace aicc::rt {

/// Sets module.target to the first program that `device` (null: any) can run, or to the one of this `name`
/// (null: any). The module has its file's contents and its instance.
aicc_status *selectTarget(aicc_module &module, const aicc_device *device, const char *name);
/// The fastest device, by its driver's word, that has a program in the module; the first of equally fast
/// ones.
aicc_status *selectDevice(const aicc_module &module, const char *name, const aicc_device *&device);

} // namespace aicc::rt

#endif // AICC_RUNTIME_CORE_SELECT_H

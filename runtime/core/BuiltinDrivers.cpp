//===- BuiltinDrivers.cpp - drivers inside libaicc.so ------------------------------------===//
//
// The one list of drivers that are linked in; all others are loaded as plug-ins.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Instance.h"

extern "C" const aicc_driver_table *aiccRegisterCpuDriver(uint32_t abi_version);

const aicc_register_driver_fn *aicc::rt::builtinDrivers(uint32_t &count) {
  static const aicc_register_driver_fn drivers[] = {aiccRegisterCpuDriver};
  count = sizeof(drivers) / sizeof(drivers[0]);
  return drivers;
}

// The entry of a target that is a plug-in: a shared library libaicc_target_NAME.so in the folder `aicc`
// beside libaicc_compiler.so, or in a folder of the environment variable AICC_PLUGIN_PATH (colons between).
// It links libaicc_compiler.so and the same libMLIR.so and libLLVM.so, and is C++: a plug-in works with the
// compiler whose headers it was built with. Both sides say who they are before any C++ is called.

#ifndef AICC_TARGETPLUGIN_H
#define AICC_TARGETPLUGIN_H

#include "aicc/Target.h"
#include "aicc/TargetAbi.h"
#include "llvm/Config/llvm-config.h"

extern "C" {
/// The two sides' identity. Fields are only ever added at the end.
struct aicc_target_identity {
  uint32_t struct_size;
  const char *llvm_version; // exact: "19.1.7"
  const char *abi_hash;     // of the headers that plug-ins may include
};
struct aicc_target_plugin {
  uint32_t struct_size;
  struct aicc_target_identity identity;
  /// Calls aicc::registerTarget for each target. Called once, and only if identities agree.
  void (*register_targets)(void);
};
/// The one symbol of a plug-in. Null if the plug-in won't work with this host.
typedef const struct aicc_target_plugin *(*aicc_register_target_v1_fn)(
    const struct aicc_target_identity *host);
}

/// Defines the entry of a plug-in, in one of its files.
#define AICC_TARGET_PLUGIN(REGISTER_TARGETS)                                                                 \
  extern "C" __attribute__((visibility("default"))) const aicc_target_plugin *aicc_register_target_v1(       \
      const aicc_target_identity *) {                                                                        \
    static const aicc_target_plugin plugin = {                                                               \
        sizeof(plugin),                                                                                      \
        {sizeof(aicc_target_identity), LLVM_VERSION_STRING, AICC_TARGET_ABI_HASH},                           \
        REGISTER_TARGETS};                                                                                   \
    return &plugin;                                                                                          \
  }

#endif

// The builtins of builtins/*.c, compiled when the compiler is built and kept here as the bytes of one
// relocatable object.

#include "targets/cpu/codegen/BackendSteps.h"

alignas(8) static const unsigned char bytes[] = {
#include "targets/cpu/codegen/Builtins.inc"
};

llvm::StringRef aicc::cpu::getBuiltinsObject() {
  return llvm::StringRef(reinterpret_cast<const char *>(bytes), sizeof(bytes));
}

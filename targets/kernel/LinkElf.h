// The linker, in process, for every target whose code is ELF. It lives in the compiler's library only: its
// state is global.

#ifndef AICC_TARGETS_KERNEL_LINKELF_H
#define AICC_TARGETS_KERNEL_LINKELF_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace aicc::kernel {

/// Links objects with these of ld.lld's options (none that names an input or the output). Objects and image
/// are anonymous memory files, so that a killed compile leaves nothing behind. May be called from several
/// threads, which then wait for each other.
llvm::Expected<std::vector<char>> linkElf(llvm::ArrayRef<llvm::StringRef> objects,
                                          llvm::ArrayRef<const char *> options);

} // namespace aicc::kernel

#endif // AICC_TARGETS_KERNEL_LINKELF_H

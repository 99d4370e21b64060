# Finds Debian's LLVM and MLIR 19.1 and defines what is linked: the shared libraries MLIR and LLVM, never one of the static
# MLIR*/LLVM* targets beside them (command-line options would be registered twice, which aborts). lld exists as
# archives only; they in turn find LLVM's symbols in libLLVM.so.
find_package(MLIR 19.1 REQUIRED CONFIG HINTS /usr/lib/llvm-19/lib/cmake/mlir)
message(STATUS "MLIR ${MLIR_VERSION} in ${MLIR_DIR}")
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
# HandleLLVMOptions is left out: it would replace our own warning and optimization flags.

separate_arguments(AICC_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
list(TRANSFORM AICC_LLVM_DEFINITIONS REPLACE "^-D" "")

set(AICC_LLVM_LIB ${LLVM_LIBRARY_DIR})
add_library(aicc_lld INTERFACE)
target_link_libraries(aicc_lld INTERFACE ${AICC_LLVM_LIB}/liblldELF.a ${AICC_LLVM_LIB}/liblldCommon.a LLVM z zstd)
target_include_directories(aicc_lld SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS})

# For tablegen, which reads the folder's property and not a target's.
include_directories(${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})

# `aicc-docs` collects the documentation that dialects and passes generate, in build/docs.
add_custom_target(aicc-docs)

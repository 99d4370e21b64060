# The functions every folder's CMakeLists.txt is written with. They need neither MLIR nor onnx, except aicc_add_dialect and
# aicc_add_passes, which are called only after AiccMLIR has been included.

find_program(AICC_CCACHE ccache)
if(AICC_CCACHE)
  # The sloppiness ccache asks for before it caches a compile that reads a precompiled header.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    ${AICC_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

set(AICC_WARNINGS -Wall -Wextra -Wno-unused-parameter -Werror=return-type -Werror=uninitialized
  -Werror=delete-non-virtual-dtor)

# Adds a folder, or nothing while it has no CMakeLists.txt.
function(aicc_add_folder dir)
  # The glob makes a CMakeLists.txt that appears later reconfigure the tree.
  file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/CMakeLists.txt)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/CMakeLists.txt)
    add_subdirectory(${dir})
  endif()
endfunction()

# What every compiler source is built with.
function(aicc_compiler_options target)
  cmake_parse_arguments(ARG "EXCEPTIONS" "PCH" "" ${ARGN})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}
    ${CMAKE_SOURCE_DIR}/compiler/include ${CMAKE_SOURCE_DIR}/runtime/include ${CMAKE_BINARY_DIR}/runtime/include)
  target_include_directories(${target} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_compile_definitions(${target} PRIVATE ${AICC_LLVM_DEFINITIONS})
  target_compile_options(${target} PRIVATE ${AICC_WARNINGS} -ffunction-sections -fdata-sections
    $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>)
  if(NOT ARG_EXCEPTIONS)
    target_compile_options(${target} PRIVATE -fno-exceptions)
  endif()
  if(ARG_PCH)
    # -fpch-instantiate-templates moves the templates' cost into the header, -fno-pch-timestamp lets ccache reuse it.
    target_precompile_headers(${target} PRIVATE ${ARG_PCH})
    target_compile_options(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:CXX>:-fpch-instantiate-templates> "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
  endif()
endfunction()

# aicc_add_compiler_library(NAME [PCH header] [EXCEPTIONS] [DEPENDS target...] [LINK target...] [EXCLUDE regex])
# One object library of all .cpp below this folder; all of them together are libaicc_compiler.so. DEPENDS waits for
# generated headers, LINK adds libraries (and their include folders) to the shared library.
function(aicc_add_compiler_library name)
  cmake_parse_arguments(ARG "EXCEPTIONS" "PCH;EXCLUDE" "DEPENDS;LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX ${ARG_EXCLUDE})
  endif()
  if(NOT sources)
    add_custom_target(${name})
    if(ARG_DEPENDS)
      add_dependencies(${name} ${ARG_DEPENDS})
    endif()
    return()
  endif()
  add_library(${name} OBJECT ${sources})
  file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/pch.h)
  if(ARG_PCH AND NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_PCH})
    set(ARG_PCH "")
  endif()
  set(exceptions "")
  if(ARG_EXCEPTIONS)
    set(exceptions EXCEPTIONS)
  endif()
  aicc_compiler_options(${name} ${exceptions} PCH "${ARG_PCH}")
  if(ARG_LINK)
    target_link_libraries(${name} PRIVATE ${ARG_LINK})
    set_property(GLOBAL APPEND PROPERTY AICC_COMPILER_LINK ${ARG_LINK})
  endif()
  # Dialects' headers include one another's generated parts, so everyone waits for all of them.
  get_property(generated GLOBAL PROPERTY AICC_GENERATED)
  if(ARG_DEPENDS OR generated)
    add_dependencies(${name} ${ARG_DEPENDS} ${generated})
  endif()
  set_property(GLOBAL APPEND PROPERTY AICC_COMPILER_OBJECTS ${name})
endfunction()

# aicc_add_tool(NAME [LINK target...]): a program of this folder's .cpp files, linked with the compiler.
function(aicc_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources OR NOT TARGET aicc_compiler)
    return()
  endif()
  add_executable(${name} ${sources})
  aicc_compiler_options(${name})
  get_property(generated GLOBAL PROPERTY AICC_GENERATED)
  if(generated)
    add_dependencies(${name} ${generated})
  endif()
  target_link_libraries(${name} PRIVATE aicc_compiler ${ARG_LINK} MLIR LLVM)
endfunction()

# aicc_add_unittest(NAME SOURCES file... [LINK target...] [ARGS argument...] [RUNTIME])
# A GoogleTest program in build/test/bin, run by `make test`. RUNTIME: no compiler, no MLIR headers.
function(aicc_add_unittest name)
  cmake_parse_arguments(ARG "RUNTIME" "" "SOURCES;LINK;ARGS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test/bin
    BUILD_RPATH "$ORIGIN/../../lib")
  if(ARG_RUNTIME)
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
    target_compile_options(${name} PRIVATE ${AICC_WARNINGS})
  else()
    aicc_compiler_options(${name})
    get_property(generated GLOBAL PROPERTY AICC_GENERATED)
    if(generated)
      add_dependencies(${name} ${generated})
    endif()
    target_link_libraries(${name} PRIVATE aicc_compiler MLIR LLVM)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock_main)
  add_test(NAME ${name} COMMAND ${name} ${ARG_ARGS})
  set_property(GLOBAL APPEND PROPERTY AICC_UNITTESTS ${name})
endfunction()

# Generated documentation of one .td file, in build/docs.
function(aicc_add_doc target td output)
  set(LLVM_TARGET_DEFINITIONS ${td})
  mlir_tablegen(${output}.md ${ARGN})
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/docs)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/docs/${output}.md
    COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_BINARY_DIR}/${output}.md ${CMAKE_BINARY_DIR}/docs/${output}.md
    DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${output}.md)
  add_custom_target(${target} DEPENDS ${CMAKE_BINARY_DIR}/docs/${output}.md)
  add_dependencies(aicc-docs ${target})
endfunction()

# aicc_add_dialect(nn NN): generated code and documentation of the dialect in this folder.
#   NNOps.td         NNOps, NNDialect, NNAttrs, NNTypes, NNEnums (.h.inc, .cpp.inc), with all the .td files it includes
#   NNEnums.td       optional: enums come from here; else from NNAttrs.td if there is one, else from NNOps.td. Unlike the
#                    other generators, the enums' does not leave out what other dialects' .td files define
#   NNInterfaces.td  optional: op interfaces, NNInterfaces (.h.inc, .cpp.inc)
# The target is aicc_<name>_gen.
function(aicc_add_dialect name prefix)
  set(TABLEGEN_OUTPUT "")
  file(GLOB tds CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.td)
  set(dir ${CMAKE_CURRENT_SOURCE_DIR})
  if(NOT EXISTS ${dir}/${prefix}Ops.td)
    return()
  endif()
  set(ops ${prefix}Ops.td)
  set(enums ${ops})
  foreach(part Attrs Enums)
    if(EXISTS ${dir}/${prefix}${part}.td)
      set(enums ${prefix}${part}.td)
    endif()
  endforeach()
  set(LLVM_TARGET_DEFINITIONS ${ops})
  mlir_tablegen(${prefix}Ops.h.inc -gen-op-decls)
  mlir_tablegen(${prefix}Ops.cpp.inc -gen-op-defs)
  mlir_tablegen(${prefix}Dialect.h.inc -gen-dialect-decls -dialect=${name})
  mlir_tablegen(${prefix}Dialect.cpp.inc -gen-dialect-defs -dialect=${name})
  mlir_tablegen(${prefix}Attrs.h.inc -gen-attrdef-decls -attrdefs-dialect=${name})
  mlir_tablegen(${prefix}Attrs.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${name})
  mlir_tablegen(${prefix}Types.h.inc -gen-typedef-decls -typedefs-dialect=${name})
  mlir_tablegen(${prefix}Types.cpp.inc -gen-typedef-defs -typedefs-dialect=${name})
  set(LLVM_TARGET_DEFINITIONS ${enums})
  mlir_tablegen(${prefix}Enums.h.inc -gen-enum-decls)
  mlir_tablegen(${prefix}Enums.cpp.inc -gen-enum-defs)
  if(EXISTS ${dir}/${prefix}Interfaces.td)
    set(LLVM_TARGET_DEFINITIONS ${prefix}Interfaces.td)
    mlir_tablegen(${prefix}Interfaces.h.inc -gen-op-interface-decls)
    mlir_tablegen(${prefix}Interfaces.cpp.inc -gen-op-interface-defs)
  endif()
  add_custom_target(aicc_${name}_gen DEPENDS ${TABLEGEN_OUTPUT})
  set_property(GLOBAL APPEND PROPERTY AICC_GENERATED aicc_${name}_gen)
  aicc_add_doc(aicc_${name}_doc ${ops} dialects/${name} -gen-dialect-doc -dialect=${name})
endfunction()

# aicc_add_passes(graph Graph): Passes.h.inc and documentation of the passes in this folder's Passes.td, with
# registerGraphPasses(). The target is aicc_<name>_passes_gen.
function(aicc_add_passes name group)
  file(GLOB tds CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.td)
  if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/Passes.td)
    return()
  endif()
  set(TABLEGEN_OUTPUT "")
  set(LLVM_TARGET_DEFINITIONS Passes.td)
  mlir_tablegen(Passes.h.inc -gen-pass-decls -name ${group})
  add_custom_target(aicc_${name}_passes_gen DEPENDS ${TABLEGEN_OUTPUT})
  set_property(GLOBAL APPEND PROPERTY AICC_GENERATED aicc_${name}_passes_gen)
  aicc_add_doc(aicc_${name}_passes_doc Passes.td passes/${name} -gen-pass-doc)
endfunction()

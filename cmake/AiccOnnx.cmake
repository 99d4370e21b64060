# The onnx C++ library that scripts/build_onnx.sh has put into build/third_party/onnx-install, as aicc_onnx_lib: the static
# library linked whole (its schemas register themselves), its headers, Debian's protobuf.
set(ONNX_PREFIX ${CMAKE_BINARY_DIR}/third_party/onnx-install CACHE PATH "Where the onnx C++ library is installed")
add_library(aicc_onnx_lib INTERFACE)
if(NOT EXISTS ${ONNX_PREFIX}/.stamp)
  message(STATUS "onnx is not built yet: run make deps; the importer will not compile")
endif()
find_package(Protobuf REQUIRED)
target_include_directories(aicc_onnx_lib SYSTEM INTERFACE ${ONNX_PREFIX}/include)
target_compile_definitions(aicc_onnx_lib INTERFACE ONNX_ML=1 ONNX_NAMESPACE=onnx)
target_link_libraries(aicc_onnx_lib INTERFACE -Wl,--whole-archive ${ONNX_PREFIX}/lib/libonnx.a -Wl,--no-whole-archive
  ${ONNX_PREFIX}/lib/libonnx_proto.a protobuf::libprotobuf)

// A bounds-checked pass over a model's protobuf bytes that cuts large tensor payloads out before the protobuf
// library sees them. Apart from the importer because it knows the wire format and nothing else: no onnx
// headers, no MLIR.

#ifndef AICC_FRONTENDS_ONNX_WIRESCAN_H
#define AICC_FRONTENDS_ONNX_WIRESCAN_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace aicc::onnx_import {

/// Copies a serialized ModelProto without the payloads (raw_data, packed float_data and double_data) of at
/// least `limit` bytes of any TensorProto in it. A tensor that lost its payload gets `segment` = [begin, end)
/// of the payload in `bytes` instead. Memory: the size of what is kept. Fails on malformed bytes.
llvm::Expected<std::string> cutPayloads(llvm::ArrayRef<char> bytes, uint64_t limit);

} // namespace aicc::onnx_import

#endif

// The order in which a graph's nodes can be imported. Apart from the walk because it looks at names only.

#ifndef AICC_FRONTENDS_ONNX_NODEORDER_H
#define AICC_FRONTENDS_ONNX_NODEORDER_H

#include "llvm/ADT/SmallVector.h"
#include <onnx/onnx_pb.h>

namespace aicc::onnx_import {

using NodeList = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

/// The nodes, each after those whose outputs it (or a graph inside it) reads. The standard demands that order
/// of the file and almost every file has it, then it is kept; some tools don't write it and some runtimes
/// don't mind. Nodes on a cycle come last, in the file's order.
llvm::SmallVector<const onnx::NodeProto *> sortNodes(const NodeList &nodes);

} // namespace aicc::onnx_import

#endif

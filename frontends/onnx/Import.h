// The ONNX importer's public face: a model file becomes one function in the nn dialect. Nothing here mentions
// protobuf or the onnx library, whose headers and exceptions stay inside this folder.

#ifndef AICC_FRONTENDS_ONNX_IMPORT_H
#define AICC_FRONTENDS_ONNX_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include <cstdint>
#include <string>

namespace aicc::onnx_import {

/// Bounds of a symbolic size, inclusive; equal bounds fix it.
struct DimSpec {
  int64_t min = 0;
  int64_t max = INT64_MAX;
};

struct ImportOptions {
  /// By name of the symbolic size (an unnamed one is `<input>_d<dimension>`).
  llvm::StringMap<DimSpec> dims;
  /// Initializers below this size become nn.constant, others nn.weight.
  int64_t inlineLimitBytes = 4096;
};

/// Why a node (or, with `node` and `op` empty, the file) cannot be imported.
struct Problem {
  std::string node, op, domain;
  int64_t opset = 0;
  std::string shapes; ///< of the node's inputs, as far as they are known
  std::string reason, hint;
};

/// One line: `node "x" (Op, opset n, shapes): reason; hint`.
std::string toString(const Problem &problem);

/// Imports a model file into a module with one func.func @main; its arguments and results carry nn.name and
/// nn.dims, the function nn.symbols. External data is read from the model's folder only. On failure returns
/// null and `problems` holds every node that is at fault, not only the first. Never throws, whatever the file
/// holds. A path that ends in .onnxtxt is read as ONNX's textual syntax, as tests are written.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(mlir::MLIRContext &context, llvm::StringRef path,
                                             const ImportOptions &options,
                                             llvm::SmallVectorImpl<Problem> &problems);

/// The same for a serialized model in memory. Weights become constants or, if `path` names the file that
/// holds exactly these bytes, references to it. `path` also locates external data; without it there can be
/// none.
mlir::OwningOpRef<mlir::ModuleOp> importOnnxBytes(mlir::MLIRContext &context, llvm::ArrayRef<char> bytes,
                                                  llvm::StringRef path, const ImportOptions &options,
                                                  llvm::SmallVectorImpl<Problem> &problems);

/// Every (domain, operator, first opset, last opset) with an importer, sorted: for documentation and tests.
struct SupportedOp {
  std::string domain, op;
  int64_t minOpset, maxOpset;
};
llvm::SmallVector<SupportedOp> getSupportedOps();

/// Domain and name of every operator that the standard decomposes by a function body: imported even without
/// an entry.
bool hasFunctionBody(llvm::StringRef domain, llvm::StringRef op, int64_t opset);

} // namespace aicc::onnx_import

#endif

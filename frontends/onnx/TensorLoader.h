// Turns TensorProtos into nn.constant or nn.weight, wherever their bytes are: in the message, in the model's
// file (cut out by the wire scan), in an external file.

#ifndef AICC_FRONTENDS_ONNX_TENSORLOADER_H
#define AICC_FRONTENDS_ONNX_TENSORLOADER_H

#include "frontends/onnx/GraphBuilder.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <onnx/onnx_pb.h>

namespace aicc::onnx_import {

/// The nn element type of a TensorProto::DataType; null if there is none.
Type getElementType(mlir::MLIRContext *context, int64_t onnxType);
/// "FLOAT", "STRING", ... or the number.
std::string getElementTypeName(int64_t onnxType);
/// The reverse of getElementType, for function bodies that ask for types. UNDEFINED if there is none.
int getOnnxType(Type element);

class TensorLoader {
public:
  /// `bytes` are the model's, `path` names their file ("" if they have none; then there are no nn.weights).
  TensorLoader(GraphBuilder &builder, ArrayRef<char> bytes, StringRef path, int64_t inlineLimit)
      : builder(builder), modelBytes(bytes), modelPath(path), inlineLimit(inlineLimit) {}

  /// Throws ImportError if the tensor is malformed, of an unsupported type, or its data cannot be reached.
  Value load(const onnx::TensorProto &tensor, StringRef name);

private:
  struct File {
    std::string path;
    std::shared_ptr<llvm::MemoryBuffer> buffer;
  };
  struct Range {
    std::string path; ///< empty: the bytes have no file
    uint64_t offset = 0;
    ArrayRef<char> bytes;
  };
  Range getModelRange(const onnx::TensorProto &tensor) const;
  Range getExternalRange(const onnx::TensorProto &tensor, uint64_t expected);
  const File &openExternal(StringRef location);

  GraphBuilder &builder;
  ArrayRef<char> modelBytes;
  std::string modelPath;
  int64_t inlineLimit;
  llvm::StringMap<File> files;
};

} // namespace aicc::onnx_import

#endif

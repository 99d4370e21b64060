// Tensor data: element types, the three places bytes can be in, and the rules for external files.

#include "frontends/onnx/TensorLoader.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include <sys/stat.h>

using namespace mlir;
using onnx::TensorProto;

namespace aicc::onnx_import {

Type getElementType(MLIRContext *context, int64_t onnxType) {
  Builder b(context);
  switch (onnxType) {
  case TensorProto::FLOAT:
    return b.getF32Type();
  case TensorProto::DOUBLE:
    return b.getF64Type();
  case TensorProto::FLOAT16:
    return b.getF16Type();
  case TensorProto::BFLOAT16:
    return b.getBF16Type();
  case TensorProto::BOOL:
    return b.getI1Type();
  case TensorProto::INT4:
  case TensorProto::INT8:
    return b.getI8Type();
  case TensorProto::INT16:
    return b.getI16Type();
  case TensorProto::INT32:
    return b.getI32Type();
  case TensorProto::INT64:
    return b.getI64Type();
  case TensorProto::UINT4:
  case TensorProto::UINT8:
    return b.getIntegerType(8, false);
  case TensorProto::UINT16:
    return b.getIntegerType(16, false);
  case TensorProto::UINT32:
    return b.getIntegerType(32, false);
  case TensorProto::UINT64:
    return b.getIntegerType(64, false);
  default:
    return {};
  }
}

std::string getElementTypeName(int64_t onnxType) {
  if (onnxType >= INT32_MIN && onnxType <= INT32_MAX && onnx::TensorProto_DataType_IsValid(int(onnxType)))
    return onnx::TensorProto_DataType_Name(onnx::TensorProto_DataType(onnxType));
  return std::to_string(onnxType);
}

int getOnnxType(Type element) {
  for (int type :
       {TensorProto::FLOAT, TensorProto::DOUBLE, TensorProto::FLOAT16, TensorProto::BFLOAT16,
        TensorProto::BOOL, TensorProto::INT8, TensorProto::INT16, TensorProto::INT32, TensorProto::INT64,
        TensorProto::UINT8, TensorProto::UINT16, TensorProto::UINT32, TensorProto::UINT64})
    if (getElementType(element.getContext(), type) == element)
      return type;
  return TensorProto::UNDEFINED;
}

namespace {
bool isNibble(int type) { return type == TensorProto::INT4 || type == TensorProto::UINT4; }

/// Appends `values` to `out` as elements of `size` bytes, little endian.
template <typename Field> void appendIntegers(const Field &values, int64_t size, std::vector<char> &out) {
  out.reserve(values.size() * size);
  for (auto value : values) {
    const uint64_t bits = uint64_t(int64_t(value));
    for (int64_t i = 0; i < size; ++i)
      out.push_back(char(bits >> (8 * i)));
  }
}

template <typename Field> void appendFloats(const Field &values, std::vector<char> &out) {
  const char *begin = reinterpret_cast<const char *>(values.data());
  out.assign(begin, begin + values.size() * sizeof(*values.data()));
}

/// Bytes from a field other than raw_data.
std::vector<char> getFieldBytes(const TensorProto &tensor, int64_t elementSize) {
  std::vector<char> out;
  switch (tensor.data_type()) {
  case TensorProto::FLOAT:
    appendFloats(tensor.float_data(), out);
    break;
  case TensorProto::DOUBLE:
    appendFloats(tensor.double_data(), out);
    break;
  case TensorProto::INT64:
    appendIntegers(tensor.int64_data(), 8, out);
    break;
  case TensorProto::UINT32:
  case TensorProto::UINT64:
    appendIntegers(tensor.uint64_data(), elementSize, out);
    break;
  default:
    appendIntegers(tensor.int32_data(), elementSize, out);
    break;
  }
  return out;
}

/// Two 4-bit elements a byte, low half first, to one byte each.
std::vector<char> spreadNibbles(ArrayRef<char> bytes, int64_t count, bool isSigned) {
  std::vector<char> out(count);
  for (int64_t i = 0; i < count; ++i) {
    const int nibble = (uint8_t(bytes[i / 2]) >> (4 * (i % 2))) & 15;
    out[i] = char(isSigned && nibble >= 8 ? nibble - 16 : nibble);
  }
  return out;
}
} // namespace

Value TensorLoader::load(const TensorProto &tensor, StringRef name) {
  Type element = getElementType(builder.getContext(), tensor.data_type());
  if (!element)
    throw ImportError("tensor '" + name + "' has element type " + getElementTypeName(tensor.data_type()) +
                      ", which is not supported");
  SmallVector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  int64_t count = 1, bytesExpected = 0;
  bool valid = true, empty = false;
  for (int64_t size : shape) {
    valid &= size >= 0;
    empty |= size == 0;
    valid &= !llvm::MulOverflow(count, std::max<int64_t>(size, 1), count);
  }
  const int64_t elementSize = nn::getElementSize(element);
  if (!valid || llvm::MulOverflow(count, elementSize, bytesExpected))
    throw ImportError("tensor '" + name + "' has impossible sizes");
  if (empty)
    count = bytesExpected = 0;
  const bool nibbles = isNibble(tensor.data_type());
  if (nibbles)
    bytesExpected = (count + 1) / 2;

  Range range;
  std::vector<char> owned;
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    range = getExternalRange(tensor, bytesExpected);
  } else if (tensor.has_segment()) {
    range = getModelRange(tensor);
  } else if (tensor.has_raw_data()) {
    range.bytes = ArrayRef(tensor.raw_data().data(), tensor.raw_data().size());
  } else {
    owned = getFieldBytes(tensor, nibbles ? 1 : elementSize);
    range.bytes = owned;
  }
  if (int64_t(range.bytes.size()) != bytesExpected)
    throw ImportError("tensor '" + name + "' holds " + Twine(range.bytes.size()) +
                      " bytes where its type needs " + Twine(bytesExpected));
  auto type = RankedTensorType::get(shape, element);
  if (!range.path.empty() && !nibbles && bytesExpected >= inlineLimit) {
    auto source = nn::SourceAttr::get(builder.getContext(), range.path, range.offset, bytesExpected);
    return builder.make<nn::WeightOp>(source, type, name);
  }
  if (nibbles) {
    owned = spreadNibbles(range.bytes, count, tensor.data_type() == TensorProto::INT4);
    range.bytes = owned;
  }
  nn::Tensor result(type);
  llvm::copy(range.bytes, result.getMutableBytes().begin());
  if (element.isInteger(1))
    for (char &byte : result.getMutableBytes())
      byte = byte != 0;
  return builder.constant(result);
}

TensorLoader::Range TensorLoader::getModelRange(const TensorProto &tensor) const {
  const int64_t begin = tensor.segment().begin(), end = tensor.segment().end();
  if (begin < 0 || end < begin || uint64_t(end) > modelBytes.size())
    throw ImportError("tensor '" + tensor.name() + "' lies outside the file");
  return {modelPath, uint64_t(begin), modelBytes.slice(begin, end - begin)};
}

const TensorLoader::File &TensorLoader::openExternal(StringRef location) {
  auto [it, isNew] = files.try_emplace(location);
  File &file = it->second;
  if (file.buffer)
    return file;
  const std::string what = ("external data '" + location + "' ").str();
  if (modelPath.empty())
    throw ImportError(what + "cannot be found: the model is not in a file");
  // Nothing but a plain file below the model's folder: a model from elsewhere must not read what lies beside
  // it.
  StringRef folder = llvm::sys::path::parent_path(modelPath);
  if (folder.empty())
    folder = ".";
  if (location.empty() || location.contains('\0') || llvm::sys::path::is_absolute(location))
    throw ImportError(what + "is not a relative path");
  for (auto part = llvm::sys::path::begin(location), end = llvm::sys::path::end(location); part != end;
       ++part)
    if (*part == "..")
      throw ImportError(what + "leaves the model's folder");
  SmallString<256> path(folder);
  llvm::sys::path::append(path, location);
  SmallString<256> realFolder, realPath;
  if (llvm::sys::fs::real_path(folder, realFolder) || llvm::sys::fs::real_path(path, realPath))
    throw ImportError(what + "does not exist", "it belongs into the folder of the model");
  if (!realFolder.ends_with("/"))
    realFolder += "/";
  struct stat status;
  if (!StringRef(realPath).starts_with(realFolder))
    throw ImportError(what + "is a link out of the model's folder", "copy the file itself there");
  if (stat(realPath.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
    throw ImportError(what + "is not a plain file");
  if (status.st_nlink > 1)
    throw ImportError(what + "is a hard link", "copy the file instead");
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    throw ImportError(what + "cannot be read: " + buffer.getError().message());
  file.path = path.str().str();
  file.buffer = std::move(*buffer);
  return file;
}

TensorLoader::Range TensorLoader::getExternalRange(const TensorProto &tensor, uint64_t expected) {
  StringRef location;
  uint64_t offset = 0, length = expected;
  for (const onnx::StringStringEntryProto &entry : tensor.external_data()) {
    StringRef key = entry.key(), value = entry.value();
    if (key == "location")
      location = value;
    else if ((key == "offset" && value.getAsInteger(10, offset)) ||
             (key == "length" && value.getAsInteger(10, length)))
      throw ImportError("tensor '" + tensor.name() + "' has a malformed external " + key);
  }
  const File &file = openExternal(location);
  const uint64_t size = file.buffer->getBufferSize();
  if (offset > size || length > size - offset)
    throw ImportError("tensor '" + tensor.name() + "' lies outside of external data '" + location + "'");
  return {file.path, offset, ArrayRef(file.buffer->getBufferStart() + offset, length)};
}
} // namespace aicc::onnx_import

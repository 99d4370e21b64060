// Tensor data: element types, the three places bytes can be in, and the rules for external files.

#include "frontends/onnx/TensorLoader.h"
#include "dialects/nn/Formats.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include <sys/stat.h>

using namespace mlir;
using onnx::TensorProto;

namespace aicc::onnx_import {

namespace {
/// Element types without arithmetic. Except for those of 8 bits, elements are packed, first element lowest.
constexpr std::pair<int, nn::Format> narrowTypes[] = {{TensorProto::FLOAT8E4M3FN, nn::Format::f8E4M3FN},
                                                      {TensorProto::FLOAT8E4M3FNUZ, nn::Format::f8E4M3FNUZ},
                                                      {TensorProto::FLOAT8E5M2, nn::Format::f8E5M2},
                                                      {TensorProto::FLOAT8E5M2FNUZ, nn::Format::f8E5M2FNUZ},
                                                      {TensorProto::FLOAT8E8M0, nn::Format::f8E8M0FNU},
                                                      {TensorProto::FLOAT6E2M3, nn::Format::f6E2M3FN},
                                                      {TensorProto::FLOAT6E3M2, nn::Format::f6E3M2FN},
                                                      {TensorProto::FLOAT4E2M1, nn::Format::f4E2M1FN},
                                                      {TensorProto::INT4, nn::Format::i4},
                                                      {TensorProto::UINT4, nn::Format::ui4},
                                                      {TensorProto::INT2, nn::Format::i2},
                                                      {TensorProto::UINT2, nn::Format::ui2}};
} // namespace

Type getElementType(MLIRContext *context, int64_t onnxType) {
  Builder b(context);
  for (auto [type, format] : narrowTypes)
    if (type == onnxType)
      return nn::NarrowType::get(context, format);
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
  case TensorProto::INT8:
    return b.getI8Type();
  case TensorProto::INT16:
    return b.getI16Type();
  case TensorProto::INT32:
    return b.getI32Type();
  case TensorProto::INT64:
    return b.getI64Type();
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
  if (auto narrow = dyn_cast<nn::NarrowType>(element))
    for (auto [type, format] : narrowTypes)
      if (format == narrow.getFormat())
        return type;
  return TensorProto::UNDEFINED;
}

namespace {
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

/// Codes of `bits` bits, one after the other from the lowest bit on, to one byte each.
std::vector<char> spreadCodes(ArrayRef<char> bytes, int64_t count, unsigned bits) {
  std::vector<char> out(count);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = i * bits / 8;
    unsigned pair = uint8_t(bytes[at]);
    if (at + 1 < int64_t(bytes.size()))
      pair |= unsigned(uint8_t(bytes[at + 1])) << 8;
    out[i] = char((pair >> (i * bits % 8)) & ((1u << bits) - 1));
  }
  return out;
}

/// The same on a weight of bytes, as operations of its recipe; `bits` divides 8.
Value spreadCodes(GraphBuilder &builder, Value bytes, ArrayRef<int64_t> shape, Type element, int64_t count,
                  unsigned bits) {
  SizeMath &math = builder.getMath();
  const Type byte = builder.getElement(bytes);
  nn::Tensor shifts(RankedTensorType::get({8 / bits}, byte));
  for (unsigned i = 0; i < 8 / bits; ++i)
    shifts.setInt(i, i * bits);
  Value codes = builder.unsqueeze(bytes, {1});
  codes = builder.make<nn::ShiftOp>(codes, builder.constant(shifts), /*left=*/false);
  codes = builder.make<nn::AndOp>(codes, builder.scalar((1 << bits) - 1, byte));
  codes = builder.reshape(codes, {math.simplify(builder.getShape(bytes)[0] * (8 / bits))});
  codes = builder.sliceAxis(codes, 0, math.constant(0), math.constant(count));
  SmallVector<AffineExpr> sizes;
  for (int64_t size : shape)
    sizes.push_back(math.constant(size));
  return builder.reshape(builder.bitcast(codes, element), sizes);
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
  auto narrow = dyn_cast<nn::NarrowType>(element);
  const unsigned bits = narrow ? nn::getCodeBits(narrow.getFormat()) : 8;
  const bool isField =
      tensor.data_location() != TensorProto::EXTERNAL && !tensor.has_segment() && !tensor.has_raw_data();
  // In int32_data 6-bit elements come one by one; so do all where the onnx library has parsed them from text.
  const bool isPacked = bits < 8 && !(isField && tensor.int32_data_size() == count);
  if (isPacked)
    bytesExpected = count / 8 * bits + (count % 8 * bits + 7) / 8;

  Range range;
  std::vector<char> owned;
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    range = getExternalRange(tensor, bytesExpected);
  } else if (tensor.has_segment()) {
    range = getModelRange(tensor);
  } else if (tensor.has_raw_data()) {
    range.bytes = ArrayRef(tensor.raw_data().data(), tensor.raw_data().size());
  } else {
    owned = getFieldBytes(tensor, elementSize);
    range.bytes = owned;
  }
  if (int64_t(range.bytes.size()) != bytesExpected)
    throw ImportError("tensor '" + name + "' holds " + Twine(range.bytes.size()) +
                      " bytes where its type needs " + Twine(bytesExpected));
  auto type = RankedTensorType::get(shape, element);
  if (!range.path.empty() && bytesExpected >= inlineLimit && (!isPacked || 8 % bits == 0)) {
    auto source = nn::SourceAttr::get(builder.getContext(), range.path, range.offset, bytesExpected);
    if (!isPacked)
      return builder.make<nn::WeightOp>(source, type, name);
    auto bytesType = RankedTensorType::get({bytesExpected}, builder.getBuilder().getIntegerType(8, false));
    return spreadCodes(builder, builder.make<nn::WeightOp>(source, bytesType, name), shape, element, count,
                       bits);
  }
  if (isPacked) {
    owned = spreadCodes(range.bytes, count, bits);
    range.bytes = owned;
  }
  nn::Tensor result(type);
  llvm::copy(range.bytes, result.getMutableBytes().begin());
  if (element.isInteger(1))
    for (char &byte : result.getMutableBytes())
      byte = byte != 0;
  if (bits < 8)
    for (char &byte : result.getMutableBytes())
      byte &= char((1 << bits) - 1);
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

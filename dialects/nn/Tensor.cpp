// Tensors on the host: storage, attributes, single elements; and the context of an evaluation. The operations
// are in Evaluate*.cpp.

#include "dialects/nn/Tensor.h"
#include "dialects/nn/EvaluateSupport.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/ErrorHandling.h"
#include <cstdlib>

using namespace mlir;

namespace aicc::nn {

int64_t getElementSize(Type element) {
  std::optional<detail::ElementKind> kind = detail::getElementKind(element);
  return kind ? detail::getSize(*kind) : 0;
}

Tensor::Tensor(RankedTensorType type) : type(type) {
  assert(type.hasStaticShape() && getElementSize(type.getElementType()) && "tensors are of static nn types");
  size_t size = type.getNumElements() * getElementSize(type.getElementType());
  char *data = static_cast<char *>(std::malloc(std::max<size_t>(size, 1)));
  if (!data)
    llvm::report_bad_alloc_error("out of memory for a tensor");
  owner = std::shared_ptr<const void>(data, [](const void *p) { std::free(const_cast<void *>(p)); });
  bytes = {data, size};
  writable = data;
}

Tensor::Tensor(RankedTensorType type, ArrayRef<char> bytes, std::shared_ptr<const void> owner)
    : type(type), bytes(bytes), owner(std::move(owner)) {
  assert(int64_t(bytes.size()) == type.getNumElements() * getElementSize(type.getElementType()));
}

Tensor Tensor::get(ElementsAttr attr) {
  auto type = cast<RankedTensorType>(attr.getShapedType());
  int64_t elementSize = getElementSize(type.getElementType());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    Tensor tensor(type);
    MutableArrayRef<char> bytes = tensor.getMutableBytes();
    // A blob that was stripped from the file reads as zeros.
    if (blob && blob->getData().size() == bytes.size())
      llvm::copy(blob->getData(), bytes.begin());
    else
      std::fill(bytes.begin(), bytes.end(), 0);
    return tensor;
  }
  auto dense = cast<DenseElementsAttr>(attr);
  if (type.getElementType().isInteger(1)) {
    Tensor tensor(type);
    llvm::copy(dense.getValues<bool>(), tensor.getMutableBytes().begin());
    return tensor;
  }
  ArrayRef<char> raw = dense.getRawData();
  if (!dense.isSplat() ||
      type.getNumElements() == 1) // attributes live as long as the context that owns the type
    return Tensor(type, raw.take_front(type.getNumElements() * elementSize), nullptr);
  Tensor tensor(type);
  char *to = tensor.getMutableBytes().data();
  detail::copyStrided({type.getNumElements()}, elementSize, raw.data(), {0}, to, {1});
  return tensor;
}

DenseElementsAttr Tensor::getAttr() const {
  if (isa<NarrowType>(getElementType()))
    return recast(IntegerType::get(type.getContext(), 8, IntegerType::Unsigned)).getAttr();
  if (getNumElements() == 0)
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  if (getElementType().isInteger(1)) {
    SmallVector<bool> values(llvm::map_range(bytes, [](char byte) { return byte != 0; }));
    return DenseElementsAttr::get(type, ArrayRef<bool>(values));
  }
  size_t elementSize = getElementSize(getElementType());
  bool splat = std::memcmp(bytes.data(), bytes.data() + elementSize, bytes.size() - elementSize) == 0;
  return DenseElementsAttr::getFromRawBuffer(type, splat ? bytes.take_front(elementSize) : bytes);
}

MutableArrayRef<char> Tensor::getMutableBytes() {
  assert(writable && "borrowed and shared tensors are immutable");
  return {writable, bytes.size()};
}

double Tensor::getDouble(int64_t index) const {
  double value;
  detail::load(detail::getKind(*this), bytes.data(), index, 1, 1, &value);
  return value;
}

int64_t Tensor::getInt(int64_t index) const {
  int64_t value;
  detail::load(detail::getKind(*this), bytes.data(), index, 1, 1, &value);
  return value;
}

void Tensor::setDouble(int64_t index, double value) {
  detail::store(detail::getKind(*this), getMutableBytes().data(), index, 1, &value);
}

void Tensor::setInt(int64_t index, int64_t value) {
  detail::store(detail::getKind(*this), getMutableBytes().data(), index, 1, &value);
}

Tensor Tensor::reshaped(ArrayRef<int64_t> shape) const {
  Tensor result = *this;
  result.type = RankedTensorType::get(shape, getElementType());
  assert(result.getNumElements() == getNumElements());
  result.writable = nullptr;
  return result;
}

Tensor Tensor::recast(Type element) const {
  Tensor result = *this;
  result.type = RankedTensorType::get(getShape(), element);
  assert(getElementSize(element) == getElementSize(getElementType()));
  result.writable = nullptr;
  return result;
}

LogicalResult EvalContext::fail(const llvm::Twine &message) {
  if (error.empty())
    error = message.str();
  return failure();
}

SmallVector<int64_t> EvalContext::evaluate(AffineMap map) const {
  SmallVector<int64_t> values;
  MLIRContext *context = map.getContext();
  SmallVector<AffineExpr> constants;
  for (int64_t symbol : symbols)
    constants.push_back(getAffineConstantExpr(symbol, context));
  for (AffineExpr expr : map.getResults()) {
    auto constant = dyn_cast<AffineConstantExpr>(expr.replaceSymbols(constants));
    values.push_back(constant ? constant.getValue()
                              : -1); // an unbound symbol or a division by zero: never a size
  }
  return values;
}

std::shared_ptr<llvm::MemoryBuffer> EvalContext::map(StringRef path) {
  auto &buffer = files[path];
  if (buffer)
    return buffer;
  auto opened = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!opened) {
    (void)fail("cannot read '" + path + "': " + opened.getError().message());
    return nullptr;
  }
  buffer = std::move(*opened);
  return buffer;
}

} // namespace aicc::nn

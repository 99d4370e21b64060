// Convolutions: the choice of a kernel by layout and groups, and what these kernels share.

#include "targets/cpu/codegen/ByteProducts.h"
#include "targets/cpu/codegen/ConvKernels.h"
#include "targets/cpu/codegen/Packing.h"
#include "targets/kernel/Collapse.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;
using namespace aicc::kernel;

BlockArgument aicc::cpu::getFilterPanels(nn::ConvOp conv) {
  Value filter = conv.getFilter();
  return dyn_cast_if_present<BlockArgument>(isByteProduct(conv) ? getPackedFilterBytes(filter)
                                                                : getPackedFilter(filter));
}

void EpilogueStore::operator()(Value value, const Coord &c, Value mask) {
  e.clearComputed();
  if (vectors) {
    e.bind(root, value);
    e.emitStores(root, c, lanes, mask);
    return;
  }
  for (unsigned l = 0; l < lanes; ++l) {
    auto one = [&] {
      e.clearMemo();
      Coord at = c;
      Value step = e.constant(l);
      at.idx[c.lane] = e.add(c.idx[c.lane], c.laneStride ? e.mul(step, c.laneStride) : step);
      at.lane = -1;
      e.bind(root, e.b.create<vector::ExtractOp>(e.loc, value, int64_t(l)));
      e.emitStores(root, at);
    };
    if (mask)
      e.ifThen(e.b.create<vector::ExtractOp>(e.loc, mask, int64_t(l)), one);
    else
      one();
  }
  e.clearMemo();
}

SmallVector<Value> aicc::cpu::carryLoop(CpuEmitter &e, int64_t count, ValueRange init,
                                        llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  if (count == 1)
    return body(e.constant(0), init);
  return e.loop(e.constant(0), e.constant(count), e.constant(1), init, body);
}

bool aicc::cpu::mergeSpatial(exe::DispatchOp dispatch, nn::ConvOp root, nn::SymbolicShapes &shapes) {
  Block &body = dispatch.getBody().front();
  if (!isa<BlockArgument>(root.getInput()))
    return false;
  llvm::SmallDenseSet<Value> others; // the filter, the bias and views above them
  for (Value v : {root.getFilter(), root.getBias()})
    for (; v; v = v.getDefiningOp() && v.getDefiningOp()->getNumOperands() ? v.getDefiningOp()->getOperand(0)
                                                                           : Value())
      others.insert(v);
  SmallVector<Value> values;
  for (BlockArgument arg : body.getArguments())
    if (!others.contains(arg))
      values.push_back(arg);
  for (Operation &op : body.without_terminator()) {
    if (others.contains(op.getResult(0)))
      continue;
    auto constant = dyn_cast<nn::ConstantOp>(op);
    bool scalar = constant && cast<RankedTensorType>(constant.getType()).getNumElements() == 1;
    if (&op != root && !isa<nn::ElementwiseOpInterface>(op) && !scalar)
      return false;
    values.push_back(op.getResult(0));
  }
  SmallVector<AffineExpr> full(shapes.get(root.getResult()));
  unsigned first = 2, last = full.size() - (root.getBlock() ? 1 : 0);
  auto isOne = [](AffineExpr size) { return nn::ShapeContext::getConstant(size) == 1; };
  for (Value v : values) {
    ArrayRef<AffineExpr> sizes = shapes.get(v);
    if (sizes.size() > full.size())
      return false;
    unsigned lead = full.size() - sizes.size();
    bool whole = lead <= first, ones = true;
    for (unsigned d = std::max(first, lead); d < last; ++d)
      whole &= shapes.equal(sizes[d - lead], full[d]), ones &= isOne(sizes[d - lead]);
    if (!whole && !ones)
      return false;
  }
  for (Value v : values) {
    ArrayRef<AffineExpr> sizes = shapes.get(v);
    unsigned lead = full.size() - sizes.size();
    if (lead >= last)
      continue;
    unsigned from = std::max(first, lead) - lead, to = last - lead;
    SmallVector<AffineExpr> merged(sizes.take_front(from));
    AffineExpr product = getAffineConstantExpr(1, v.getContext());
    for (AffineExpr size : sizes.slice(from, to - from))
      product = product * size;
    merged.push_back(product);
    llvm::append_range(merged, sizes.drop_front(to));
    RankedTensorType type = nn::getTensorType(merged, cast<RankedTensorType>(v.getType()).getElementType());
    if (auto constant = v.getDefiningOp<nn::ConstantOp>())
      constant.setValueAttr(cast<DenseElementsAttr>(constant.getValue()).reshape(type));
    v.setType(type);
    shapes.set(v, merged);
  }
  return true;
}

FailureOr<Launch> aicc::cpu::emitConv(KernelRequest &request) {
  exe::DispatchOp clone = cloneDetached(request.dispatch, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });
  auto roots = clone.getBody().front().getOps<nn::ConvOp>();
  if (!llvm::hasSingleElement(roots))
    return failure();
  nn::ConvOp root = *roots.begin();
  if (!root.getBlock())
    return emitPlainConv(request, clone, root);
  if (int64_t(root.getBlock()) != 16 || root.getStrides().size() != 2 || !getFilterPanels(root))
    return failure();
  auto filter = cast<RankedTensorType>(root.getFilter().getType());
  bool depthwise = root.getBlockInput() && root.getGroups() > 1 && filter.getDimSize(1) == 1 &&
                   filter.getDimSize(0) == int64_t(root.getGroups());
  return depthwise ? emitBlockedDepthwise(request, clone, root) : emitBlockedConv(request, clone, root);
}

// The gpu dialect: ids are builtin variables, and lanes talk by shuffles of the subgroup.

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "targets/level_zero/codegen/Translator.h"

using namespace mlir;
using namespace aicc::level_zero;

Value Translator::builtin(spirv::BuiltIn which) {
  bool isVector = llvm::is_contained(
      {spirv::BuiltIn::LocalInvocationId, spirv::BuiltIn::WorkgroupId, spirv::BuiltIn::NumWorkgroups}, which);
  Type type = b.getI32Type();
  if (isVector) {
    need(spirv::Capability::Int64); // size_t
    type = VectorType::get(3, b.getI64Type());
  } else {
    need(spirv::Capability::GroupNonUniform);
    usesLanes = true;
  }
  std::string name = ("__spirv_BuiltIn" + spirv::stringifyBuiltIn(which)).str();
  auto variable = module.lookupSymbol<spirv::GlobalVariableOp>(name);
  if (!variable) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    variable = b.create<spirv::GlobalVariableOp>(spirv::PointerType::get(type, spirv::StorageClass::Input),
                                                 name, which);
  }
  interface.insert(FlatSymbolRefAttr::get(variable));
  return b.create<spirv::LoadOp>(b.create<spirv::AddressOfOp>(variable));
}

Value Translator::builtin(spirv::BuiltIn which, unsigned dimension) {
  return lane(builtin(which), dimension);
}

LogicalResult Translator::translateGpu(Operation *op) {
  // Ids are i32 for subgroups and i64 for the rest; as an index, i64.
  auto asIndex = [&](Value v) {
    if (!v.getType().isInteger(64)) {
      need(spirv::Capability::Int64);
      v = make("UConvert", b.getI64Type(), v);
    }
    return set(op->getResult(0), v);
  };
  if (auto id = dyn_cast<mlir::gpu::ThreadIdOp>(op)) {
    // Through 32 bits, which hides the id from an optimization of the CPU device (2026.2): it turns a
    // kernel's first branch, `id < bound`, into bounds of its loop over threads, and takes an unsigned bound
    // of one kernel for a signed one of the next in the module.
    Value v = builtin(spirv::BuiltIn::LocalInvocationId, unsigned(id.getDimension()));
    return asIndex(make("UConvert", b.getI32Type(), v));
  }
  if (auto id = dyn_cast<mlir::gpu::BlockIdOp>(op))
    return asIndex(builtin(spirv::BuiltIn::WorkgroupId, unsigned(id.getDimension())));
  if (auto size = dyn_cast<mlir::gpu::GridDimOp>(op))
    return asIndex(builtin(spirv::BuiltIn::NumWorkgroups, unsigned(size.getDimension())));
  if (auto size = dyn_cast<mlir::gpu::BlockDimOp>(op))
    return asIndex(
        integer(convertType(b.getI64Type()), size.getDimension() == mlir::gpu::Dimension::x ? threads : 1));
  if (isa<mlir::gpu::LaneIdOp>(op))
    return asIndex(builtin(spirv::BuiltIn::SubgroupLocalInvocationId));
  if (isa<mlir::gpu::SubgroupIdOp>(op))
    return asIndex(builtin(spirv::BuiltIn::SubgroupId));
  if (isa<mlir::gpu::NumSubgroupsOp>(op))
    return asIndex(builtin(spirv::BuiltIn::NumSubgroups));
  if (isa<mlir::gpu::SubgroupSizeOp>(op)) {
    if (subgroup != 0)
      return asIndex(integer(convertType(b.getI64Type()), subgroup));
    return asIndex(builtin(spirv::BuiltIn::SubgroupSize));
  }
  if (isa<mlir::gpu::BarrierOp>(op)) {
    b.create<spirv::ControlBarrierOp>(spirv::Scope::Workgroup, spirv::Scope::Workgroup,
                                      spirv::MemorySemantics::AcquireRelease |
                                          spirv::MemorySemantics::WorkgroupMemory |
                                          spirv::MemorySemantics::CrossWorkgroupMemory);
    return success();
  }
  if (isa<mlir::gpu::ShuffleOp>(op))
    return translateShuffle(op);
  return unsupported(op);
}

LogicalResult Translator::translateShuffle(Operation *op) {
  auto shuffle = cast<mlir::gpu::ShuffleOp>(op);
  auto width = get(shuffle.getWidth()).getDefiningOp<spirv::ConstantOp>();
  if (!width || subgroup == 0)
    return unsupported(op, "shuffles need a kernel with a subgroup size, and a constant width");
  int64_t lanes = cast<IntegerAttr>(width.getValue()).getInt();
  if (lanes > subgroup)
    return unsupported(op, "it reaches beyond the subgroup");
  need(spirv::Capability::GroupNonUniform);
  need(spirv::Capability::GroupNonUniformShuffle);
  Value v = get(shuffle.getValue()), offset = get(shuffle.getOffset());
  Type i32 = b.getI32Type(), i1 = b.getI1Type();
  auto inLanes = [&](StringRef name, Value x, Value y) { return make(name, i32, {x, y}); };
  // Lanes that would read from beyond their group keep their own value.
  Value id = builtin(spirv::BuiltIn::SubgroupLocalInvocationId), source, valid;
  Value last = integer(i32, lanes - 1);
  switch (shuffle.getMode()) {
  case mlir::gpu::ShuffleMode::XOR:
    values[shuffle.getValid()] = make("ULessThan", i1, {offset, integer(i32, lanes)});
    return set(shuffle.getShuffleResult(),
               b.create<spirv::GroupNonUniformShuffleXorOp>(spirv::Scope::Subgroup, v, offset));
  case mlir::gpu::ShuffleMode::IDX:
    source = inLanes("BitwiseOr", inLanes("BitwiseAnd", id, integer(i32, ~(lanes - 1))), offset);
    valid = make("ULessThan", i1, {offset, integer(i32, lanes)});
    break;
  case mlir::gpu::ShuffleMode::UP:
    source = inLanes("ISub", id, offset);
    valid = make("ULessThanEqual", i1, {offset, inLanes("BitwiseAnd", id, last)});
    break;
  case mlir::gpu::ShuffleMode::DOWN:
    source = inLanes("IAdd", id, offset);
    valid = make("ULessThanEqual", i1, {offset, inLanes("ISub", last, inLanes("BitwiseAnd", id, last))});
    break;
  }
  values[shuffle.getValid()] = valid;
  return set(shuffle.getShuffleResult(),
             b.create<spirv::GroupNonUniformShuffleOp>(spirv::Scope::Subgroup, v, select(valid, source, id)));
}

// Formation of dispatches. Operations are visited in order and collected into groups: an operation that
// carries a kernel of its own (contraction, reduction, ...) starts one, elementwise operations join the group
// that made their operand, as its epilogue, or a group of their own kind; views belong to whoever reads
// through them. A group becomes one exe.dispatch.

#include "dialects/exe/Exe.h"
#include "dialects/nn/NNControl.h"
#include "mlir/IR/IRMapping.h"
#include "passes/dispatch/Passes.h"
#include "passes/dispatch/Views.h"
#include "passes/graph/Constants.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace aicc;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;

namespace {

/// Lanes for which trailing views must keep blocks of a result contiguous: the widest vector of any target.
constexpr unsigned kLanes = 16;

/// Operations that one group may hold. The time to compile a kernel grows faster than its length, and
/// thousands of operations on one element have no more to save.
constexpr size_t kMaxOps = 256;

struct Group {
  unsigned id;
  Operation *root = nullptr; // null: elementwise work and data movement alone
  SmallVector<Operation *> ops;
  Value last; // the value at whose sizes further elementwise work may join
};

/// The dispatches of one block. Operations that are no work of a kernel (branches, loops) stand between those
/// before and those behind them: groups end there.
class Formation {
public:
  Formation(Block &body, const TargetInstance &instance, nn::SymbolicShapes &shapes)
      : body(body), instance(instance), shapes(shapes) {}

  LogicalResult run() {
    for (Operation &op : llvm::make_early_inc_range(body.without_terminator())) {
      if (isBoundary(&op))
        finish(&op);
      else if (failed(visit(&op)))
        return failure();
    }
    finish(body.getTerminator());
    bool changed = true;
    while (changed) { // what only views and constants of erased operations needed
      changed = false;
      for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
        if (op.use_empty() && isMemoryEffectFree(&op) && !op.hasTrait<OpTrait::IsTerminator>())
          op.erase(), changed = true;
    }
    return success();
  }

private:
  //===--- questions
  //-----------------------------------------------------------------------------------------------------===//

  bool isConstant(Value v) { return constants.contains(v); }
  Group *groupOf(Value v) { return v.getDefiningOp() ? owner.lookup(v.getDefiningOp()) : nullptr; }
  /// Not kernels' work: operations with regions, and what isn't evaluated by elements at all.
  static bool isBoundary(Operation *op) {
    return isa<nn::NNDialect>(op->getDialect()) && !isa<nn::EvaluateOpInterface>(op);
  }
  /// A number that only loops read, as what the program knows anyway.
  static bool isTripCount(Operation *op) {
    return isa<nn::SizesOp>(op) && llvm::all_of(op->getUses(), [](OpOperand &use) {
             return isa<nn::LoopOp>(use.getOwner()) && use.getOperandNumber() == 0;
           });
  }
  /// Lies in memory when other dispatches run: an argument, a constant, a group's result, or what is from
  /// outside of this block.
  bool isMaterialized(Value v) {
    return isa<BlockArgument>(v) || isConstant(v) || groupOf(v) || v.getParentBlock() != &body ||
           isa<exe::DispatchOp>(v.getDefiningOp()) || isBoundary(v.getDefiningOp());
  }
  static bool isMovement(Operation *op) {
    return isa<nn::GatherOp, nn::PadOp, nn::IotaOp, nn::SizesOp, nn::PackOp, nn::UnpackOp, nn::RopeOp,
               nn::ConcatOp>(op);
  }
  static bool isMapOp(Operation *op) { return isa<nn::ElementwiseOpInterface>(op) || isMovement(op); }
  bool sameShape(Value x, Value y) { return shapes.equalShapes(x, y); }

  /// All users of `v` are in `group` (views that nobody owns count as their users).
  bool usedOnlyBy(Value v, Group *group, Operation *also = nullptr) {
    return llvm::all_of(v.getUsers(), [&](Operation *user) {
      if (user == also || owner.lookup(user) == group)
        return true;
      return isView(user) && !owner.lookup(user) && !user->use_empty() &&
             usedOnlyBy(user->getResult(0), group, also);
    });
  }

  /// Groups on which `op`'s operands depend directly, looking through views.
  void operandGroups(Operation *op, llvm::SmallPtrSetImpl<Group *> &found) {
    for (Value operand : op->getOperands()) {
      if (isConstant(operand))
        continue;
      if (Group *group = groupOf(operand))
        found.insert(group);
      else if (Operation *def = operand.getDefiningOp())
        operandGroups(def, found);
    }
  }
  /// True if `from` needs `target`'s results, directly or through other groups.
  bool dependsOn(Group *from, Group *target, llvm::SmallPtrSetImpl<Group *> &seen) {
    if (from == target)
      return true;
    if (!seen.insert(from).second)
      return false;
    llvm::SmallPtrSet<Group *, 8> direct;
    for (Operation *op : from->ops)
      operandGroups(op, direct);
    direct.erase(from);
    return llvm::any_of(direct, [&](Group *g) { return dependsOn(g, target, seen); });
  }
  /// `op` may join `group`: none of its other operands depends on the group through an outsider.
  bool acyclic(Operation *op, Group *group) {
    llvm::SmallPtrSet<Group *, 8> direct;
    operandGroups(op, direct);
    direct.erase(group);
    llvm::SmallPtrSet<Group *, 16> seen;
    return llvm::none_of(direct, [&](Group *g) { return dependsOn(g, group, seen); });
  }

  //===--- growth
  //--------------------------------------------------------------------------------------------------------===//

  Group *start(Operation *op, bool isRoot) {
    groups.push_back(std::make_unique<Group>());
    Group *group = groups.back().get();
    group->id = groups.size() - 1;
    group->root = isRoot ? op : nullptr;
    join(op, group);
    return group;
  }
  void join(Operation *op, Group *group) {
    group->ops.push_back(op);
    group->last = op->getResult(0);
    owner[op] = group;
  }
  void absorb(Group *from, Group *into) {
    for (Operation *op : from->ops) {
      owner[op] = into;
      into->ops.push_back(op);
    }
    from->ops.clear();
  }

  /// The views above `v` down to the value in memory, outermost first; empty if there are none.
  SmallVector<Operation *> viewChain(Value v) {
    SmallVector<Operation *> chain;
    while (!isMaterialized(v) && isView(v.getDefiningOp())) {
      chain.push_back(v.getDefiningOp());
      v = chain.back()->getOperand(0);
    }
    return chain;
  }

  /// Makes `v`, a view, a value in memory: by the group that makes what is under it where that can store it
  /// so, else by a copy.
  void materialize(Value v) {
    SmallVector<Operation *> chain = viewChain(v);
    if (chain.empty())
      return;
    Value source = chain.back()->getOperand(0);
    Group *group = groupOf(source);
    bool bijective =
        llvm::all_of(chain, [](Operation *op) { return isa<nn::TransposeOp, nn::ReshapeOp>(op); });
    bool alone = source.hasOneUse() && llvm::all_of(ArrayRef<Operation *>(chain).drop_front(),
                                                    [](Operation *op) { return op->hasOneUse(); });
    bool storable = group && (group->root ? isa<nn::AttentionOp, nn::MatMulOp>(group->root) &&
                                                storesInLanes(source, chain)
                                          : !hasConcat(group));
    // A loop has one order: what else it stores would have to be in this layout, too.
    auto isInside = [&](Operation *op) {
      return llvm::all_of(op->getResults(),
                          [&](Value r) { return r == source || usedOnlyBy(r, group, chain.back()); });
    };
    if (storable && bijective && alone && group->last == source && llvm::all_of(group->ops, isInside)) {
      for (Operation *op : llvm::reverse(chain))
        owner[op] = group, group->ops.push_back(op);
      group->last = Value(); // nothing joins behind a change of layout
      return;
    }
    start(chain.front(), /*isRoot=*/false);
  }

  static bool hasConcat(Group *group) {
    return llvm::any_of(group->ops, [](Operation *op) { return isa<nn::ConcatOp>(op); });
  }

  bool storesInLanes(Value source, ArrayRef<Operation *> chain) {
    int lane = int(shapes.get(source).size()) - 1;
    for (Operation *op : llvm::reverse(chain)) {
      if (auto transpose = dyn_cast<nn::TransposeOp>(op)) {
        lane = llvm::find(transpose.getPerm(), lane) - transpose.getPerm().begin();
        continue;
      }
      if (!mapLaneThroughReshape(shapes.get(op->getOperand(0)), shapes.get(op->getResult(0)), shapes, kLanes,
                                 lane) ||
          lane < 0)
        return false;
    }
    return lane == int(shapes.get(chain.front()->getResult(0)).size()) - 1;
  }

  /// Sees to it that `user` can read its operand: a view that it can't read through is made a value in
  /// memory.
  void prepareOperand(Operation *user, unsigned index) {
    Value v = user->getOperand(index);
    if (isMaterialized(v) || !isView(v.getDefiningOp()))
      return;
    auto layout = getStridedLayout(v, shapes, [&](Value base) { return isMaterialized(base); });
    bool readable = layout && isMaterialized(layout->base);
    if (readable && !layout->contiguous) {
      unsigned rank = layout->strides.size();
      auto innerIsOne = [&] { return rank && nn::ShapeContext::getConstant(layout->strides[rank - 1]) == 1; };
      if (isa<nn::MatMulOp>(user))
        readable = index == 0 || innerIsOne();
      else if (isa<nn::AttentionOp>(user))
        readable = index == 3 || innerIsOne();
      else
        readable = isMapOp(user) || isa<nn::ReduceOp, nn::SoftmaxOp, nn::LayerNormOp, nn::RmsNormOp>(user);
    }
    if (!readable)
      materialize(v);
  }

  /// Elementwise producers of a reduction's input that nobody else needs are computed by the reduction
  /// itself.
  void absorbProducer(Operation *root, Value input) {
    Group *producer = groupOf(input), *group = owner[root];
    if (!producer || producer == group || producer->root || !sameShape(producer->last, input) ||
        producer->last != input || producer->ops.size() + group->ops.size() > kMaxOps)
      return;
    for (Operation *op : producer->ops) {
      if (!instance.canFuse(op, root))
        return;
      for (Value result : op->getResults())
        if (!usedOnlyBy(result, producer, root))
          return;
    }
    absorb(producer, group);
  }

  LogicalResult visit(Operation *op) {
    if (isa<nn::ConstantOp, nn::WeightOp>(op) ||
        llvm::all_of(op->getResults(), [&](Value r) { return isConstant(r); }) || isView(op) ||
        isTripCount(op))
      return success();
    if (std::string reason = instance.check(op); !reason.empty())
      return op->emitError() << op->getName().stripDialect() << ": " << reason;
    for (unsigned i = 0; i < op->getNumOperands(); ++i)
      prepareOperand(op, i);
    if (!isMapOp(op)) {
      start(op, /*isRoot=*/true);
      if (isa<nn::ReduceOp, nn::SoftmaxOp, nn::LayerNormOp, nn::RmsNormOp>(op))
        absorbProducer(op, op->getOperand(0));
      return success();
    }
    if (isa<nn::ElementwiseOpInterface>(op) && joinEpilogue(op))
      return success();
    // Movement and elementwise work: with the producers of its operands where those are work of the same
    // kind.
    Group *group = start(op, /*isRoot=*/false);
    for (Value operand : op->getOperands()) {
      Group *producer = groupOf(operand);
      if (!producer || producer == group || producer->root || producer->last != operand ||
          producer->ops.size() + group->ops.size() > kMaxOps)
        continue;
      bool sole = llvm::all_of(producer->ops, [&](Operation *p) {
        return instance.canFuse(p, nullptr) && !isa<nn::ConcatOp>(p) &&
               llvm::all_of(p->getResults(), [&](Value r) { return usedOnlyBy(r, producer, op); });
      });
      // No element is computed twice: same sizes, or a movement that reads each once.
      bool once =
          sameShape(operand, op->getResult(0)) || isa<nn::PackOp, nn::UnpackOp, nn::ConcatOp, nn::PadOp>(op);
      if (sole && once && acyclicMerge(producer, group)) {
        absorb(producer, group);
        group->last = op->getResult(0);
      }
    }
    return success();
  }

  /// Producer and consumer become one: no other group may stand between them.
  bool acyclicMerge(Group *producer, Group *consumer) {
    llvm::SmallPtrSet<Group *, 8> direct;
    for (Operation *op : consumer->ops)
      operandGroups(op, direct);
    direct.erase(producer);
    direct.erase(consumer);
    llvm::SmallPtrSet<Group *, 16> seen;
    return llvm::none_of(direct, [&](Group *g) { return dependsOn(g, producer, seen); });
  }

  bool joinEpilogue(Operation *op) {
    // The youngest group first: it most likely depends on the others.
    SmallVector<Group *> candidates;
    for (Value operand : op->getOperands())
      if (Group *group = groupOf(operand); group && group->last && sameShape(operand, op->getResult(0)) &&
                                           sameShape(group->last, op->getResult(0)))
        candidates.push_back(group);
    llvm::sort(candidates, [](Group *a, Group *b) { return a->id > b->id; });
    for (Group *group : candidates) {
      // Parts of a concatenation are written one by one; work behind it would have to look up its part.
      if (group->ops.size() >= kMaxOps || hasConcat(group) || !instance.canFuse(op, group->root) ||
          !acyclic(op, group))
        continue;
      // Values of the group that the operation reads must be whole at its coordinates.
      bool direct = llvm::all_of(op->getOperands(), [&](Value operand) {
        return groupOf(operand) != group || sameShape(operand, op->getResult(0));
      });
      if (!direct || readsGroupThroughView(op, group))
        continue;
      join(op, group);
      return true;
    }
    return false;
  }

  bool readsGroupThroughView(Operation *op, Group *group) {
    for (Value operand : op->getOperands())
      for (Operation *view : viewChain(operand))
        if (groupOf(view->getOperand(0)) == group)
          return true;
    return false;
  }

  void materializeResult(Value v) {
    if (isMaterialized(v))
      return;
    // A reshape alone is another name for the same memory.
    SmallVector<Operation *> chain = viewChain(v);
    if (!llvm::all_of(chain, [](Operation *op) { return isa<nn::ReshapeOp>(op); }))
      materialize(v);
  }

  //===--- building
  //------------------------------------------------------------------------------------------------------===//

  /// True for constants that are computed within the dispatch: one number for all elements.
  static bool isInline(Value v) {
    auto constant = v.getDefiningOp<nn::ConstantOp>();
    return constant && constant.getValue().isSplat();
  }
  /// nn.unpack of a constant undoes a layout that the target has chosen; the dispatch must see it.
  static bool isLayout(Value v) { return v.getDefiningOp<nn::UnpackOp>() != nullptr; }

  /// Makes the dispatches of all groups there are, before `op`, which reads values from memory (it or its
  /// regions).
  void finish(Operation *op) {
    op->walk([&](Operation *reader) {
      for (Value operand : reader->getOperands())
        if (operand.getParentBlock() == &body)
          materializeResult(operand);
    });
    SmallVector<Operation *> views;
    for (Operation *before = op->getPrevNode(); before && !isBoundary(before); before = before->getPrevNode())
      if (isView(before) && !owner.lookup(before) && !isConstant(before->getResult(0)))
        views.push_back(before);
    SmallVector<Group *> order;
    llvm::SmallPtrSet<Group *, 16> done;
    for (auto &group : groups)
      if (!group->ops.empty())
        schedule(group.get(), done, order);
    OpBuilder builder(op);
    for (Group *group : order)
      emit(group, builder);
    // Reads through views move behind what makes their operand.
    for (Operation *view : llvm::reverse(views))
      view->moveBefore(op);
    SmallVector<Operation *> dead;
    for (auto &group : groups)
      llvm::append_range(dead, group->ops);
    for (Operation *deadOp : dead)
      deadOp->dropAllUses();
    for (Operation *deadOp : dead)
      deadOp->erase();
    groups.clear();
    owner.clear();
  }

  void schedule(Group *group, llvm::SmallPtrSetImpl<Group *> &done, SmallVector<Group *> &order) {
    if (!done.insert(group).second)
      return;
    llvm::SmallPtrSet<Group *, 8> direct;
    for (Operation *op : group->ops)
      operandGroups(op, direct);
    direct.erase(group);
    SmallVector<Group *> sorted(direct.begin(), direct.end());
    llvm::sort(sorted, [](Group *a, Group *b) { return a->id < b->id; });
    for (Group *before : sorted)
      schedule(before, done, order);
    order.push_back(group);
  }

  /// `v` within the dispatch: cloned views, constants (where `inlineConstants`), or an argument.
  Value within(Value v, exe::DispatchOp dispatch, IRMapping &map, SmallVector<Value> &inputs, OpBuilder &b,
               bool inlineConstants) {
    if (Value known = map.lookupOrNull(v); known && (inlineConstants || !isInline(v)))
      return known;
    Operation *def = v.getDefiningOp();
    bool clone = isInline(v) ? inlineConstants : isConstant(v) ? isLayout(v) : !isMaterialized(v);
    if (isConstant(v) && def && isa<nn::TransposeOp>(def) && v.hasOneUse() &&
        isa<nn::UnpackOp>(*v.user_begin()))
      clone = true;
    if (!clone) {
      inputs.push_back(v);
      Value arg = dispatch.getBody().front().addArgument(v.getType(), v.getLoc());
      map.map(v, arg);
      return arg;
    }
    for (Value operand : def->getOperands())
      within(operand, dispatch, map, inputs, b, inlineConstants);
    b.clone(*def, map);
    return map.lookup(v);
  }

  void emit(Group *group, OpBuilder &builder) {
    llvm::SmallPtrSet<Operation *, 16> members(group->ops.begin(), group->ops.end());
    llvm::sort(group->ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    SmallVector<Value> outputs;
    SmallVector<Type> types;
    SmallVector<Location> locations;
    for (Operation *op : group->ops) {
      locations.push_back(op->getLoc());
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) { return neededOutside(user, members); })) {
          outputs.push_back(result);
          types.push_back(result.getType());
        }
    }
    if (outputs.empty())
      return; // dead
    StringRef kind = group->root ? group->root->getName().stripDialect() : StringRef("map");
    auto dispatch = builder.create<exe::DispatchOp>(builder.getFusedLoc(locations), types,
                                                    builder.getStringAttr(kind), ValueRange{});
    builder.createBlock(&dispatch.getBody());
    IRMapping map;
    SmallVector<Value> inputs;
    for (Operation *op : group->ops) {
      // A contraction or the like reads whole operands from memory, even one number.
      for (Value operand : op->getOperands())
        within(operand, dispatch, map, inputs, builder, /*inlineConstants=*/op != group->root);
      builder.clone(*op, map);
    }
    SmallVector<Value> yielded;
    for (Value output : outputs)
      yielded.push_back(map.lookup(output));
    builder.create<exe::YieldOp>(dispatch.getLoc(), yielded);
    dispatch.getInputsMutable().assign(inputs);
    builder.setInsertionPointAfter(dispatch);
    // Later groups, which read the old values, find the new ones.
    for (auto [old, made] : llvm::zip_equal(outputs, dispatch.getOutputs())) {
      shapes.set(made, nn::SymShape(shapes.get(old))); // for what is behind a boundary
      old.replaceUsesWithIf(made, [&](OpOperand &use) { return !members.contains(use.getOwner()); });
    }
  }

  static bool neededOutside(Operation *user, const llvm::SmallPtrSetImpl<Operation *> &members) {
    return !members.contains(user);
  }

  Block &body;
  const TargetInstance &instance;
  nn::SymbolicShapes &shapes;
  ConstantValues constants;
  std::vector<std::unique_ptr<Group>> groups;
  llvm::DenseMap<Operation *, Group *> owner;
};
} // namespace

/// Moves what is constant out of all regions: weights are not made again by each iteration.
static void hoistConstants(func::FuncOp func) {
  Block &top = func.getBody().front();
  ConstantValues constants;
  SmallVector<Operation *> inner;
  func.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op->getBlock() != &top && op != func && op->getNumResults() == 1 &&
        constants.contains(op->getResult(0)))
      inner.push_back(op);
  });
  for (Operation *op : inner)
    op->moveBefore(top.findAncestorOpInBlock(*op));
}

LogicalResult aicc::formDispatches(func::FuncOp func, const TargetInstance &instance) {
  hoistConstants(func);
  nn::SymbolicShapes shapes(func);
  if (failed(shapes.run()))
    return failure();
  // Regions first: what they read from outside lies in memory for them.
  WalkResult result = func.walk([&](Operation *op) {
    for (Region &region : op->getRegions())
      for (Block &block : region)
        if (isa<func::FuncOp, nn::IfOp, nn::LoopOp>(op) && failed(Formation(block, instance, shapes).run()))
          return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

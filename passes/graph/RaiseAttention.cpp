// nn-raise's pattern for attention: from matmul(softmax(scores), v) back to q, k, v, one scale and one mask.

#include "passes/graph/Rewrite.h"
#include <cmath>

using namespace mlir;

namespace aicc {
namespace {

/// A term added to the scores, or where `keep`, a condition under which scores are kept, else replaced by
/// `fill`.
struct MaskTerm {
  Value value;
  double scale = 1;
  bool isCondition = false, inverted = false;
  double fill = 0;
};

/// What the softmax is taken of, as scale * matmul(q, k^T) + masks.
struct Scores {
  nn::MatMulOp matmul;
  double scale = 1;
  SmallVector<MaskTerm, 4> masks;
  SmallVector<Operation *, 12> ops;
};

/// A number that takes a score out of the softmax.
bool isMaskFill(double number) { return number <= -1e4; }

/// Walks from `v` to the matmul. Everything on the way must have no other use; sizes of the way never change.
bool matchScores(Value v, double scale, Scores &scores, const nn::SymbolicShapes &shapes,
                 unsigned depth = 12) {
  Operation *op = v.getDefiningOp();
  if (!op || !v.hasOneUse() || depth == 0)
    return false;
  auto follow = [&](Value next, double nextScale) {
    if (!isa<OpResult>(next) || !shapes.equalShapes(next, v) ||
        !matchScores(next, nextScale, scores, shapes, depth - 1))
      return false;
    scores.ops.push_back(op);
    return true;
  };
  if (auto matmul = dyn_cast<nn::MatMulOp>(op)) {
    scores.matmul = matmul;
    scores.scale = scale;
    scores.ops.push_back(op);
    return true;
  }
  if (auto scaled = matchScaled(v))
    return follow(scaled->x, scale * scaled->factor);
  if (auto cast = dyn_cast<nn::CastOp>(op))
    return isFloat(cast.getInput()) && isFloat(v) && follow(cast.getInput(), scale);
  if (auto add = dyn_cast<nn::AddOp>(op)) {
    for (auto [next, mask] : {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())})
      if (follow(next, scale)) {
        scores.masks.push_back({mask, scale});
        return true;
      }
    return false;
  }
  if (auto sub = dyn_cast<nn::SubOp>(op)) {
    if (!follow(sub.getLhs(), scale))
      return false;
    scores.masks.push_back({sub.getRhs(), -scale});
    return true;
  }
  if (auto max = dyn_cast<nn::MaxOp>(op)) { // a clamp from below that keeps sums of masks finite
    std::optional<double> low = getUniform(max.getRhs());
    return low && *low <= -1e30 && isScalarFor(max.getRhs(), max.getLhs()) && follow(max.getLhs(), scale);
  }
  if (auto select = dyn_cast<nn::SelectOp>(op)) {
    for (bool inverted : {false, true}) {
      Value next = inverted ? select.getRhs() : select.getLhs(),
            fill = inverted ? select.getLhs() : select.getRhs();
      std::optional<double> number = getUniform(fill);
      if (!number || !isMaskFill(*number) || !isScalarFor(fill, next) || scale <= 0 || !follow(next, scale))
        continue;
      scores.masks.push_back({select.getCondition(), scale, true, inverted, *number});
      return true;
    }
  }
  return false;
}

/// The heads that `v` [.., Hk * R, T, D] repeats: x [.., Hk, T, D], by reshape(broadcast(reshape(x))). Null
/// if it is none such.
Value matchRepeatedHeads(Value v, nn::SymbolicShapes &shapes) {
  auto merge = v.getDefiningOp<nn::ReshapeOp>();
  auto broadcast = merge ? merge.getInput().getDefiningOp<nn::BroadcastOp>() : nullptr;
  if (!broadcast)
    return {};
  Value x = broadcast.getInput();
  ArrayRef<AffineExpr> merged = shapes.get(v), wide = shapes.get(broadcast);
  size_t heads = merged.size() - 3, rank = merged.size();
  if (wide.size() != rank + 1)
    return {};
  if (auto split = x.getDefiningOp<nn::ReshapeOp>();
      split && getRank(split.getInput()) == static_cast<int64_t>(rank))
    x = split.getInput();
  ArrayRef<AffineExpr> narrow = shapes.get(broadcast.getInput());
  if (narrow.size() != rank + 1 || !isOne(narrow[heads + 1]))
    return {};
  // [.., Hk, 1, T, D] -> [.., Hk, R, T, D] -> [.., Hk * R, T, D]; all the rest unchanged.
  for (size_t i = 0; i <= rank; ++i)
    if (i != heads + 1 && !shapes.equal(narrow[i], wide[i]))
      return {};
  for (size_t i = 0; i < rank; ++i) {
    AffineExpr expected = i < heads ? wide[i] : i == heads ? wide[i] * wide[i + 1] : wide[i + 1];
    if (!shapes.equal(merged[i], expected))
      return {};
  }
  // Without a reshape from rank `rank`, the caller makes one.
  if (getRank(x) == static_cast<int64_t>(rank)) {
    ArrayRef<AffineExpr> sizes = shapes.get(x);
    for (size_t i = 0; i < rank; ++i)
      if (!shapes.equal(sizes[i], narrow[i <= heads ? i : i + 1]))
        return {};
  }
  return x;
}

struct RaiseAttention : ShapedPattern<nn::MatMulOp> {
  using ShapedPattern::ShapedPattern;

  LogicalResult matchAndRewrite(nn::MatMulOp op, PatternRewriter &rewriter) const override {
    int64_t rank = getRank(op);
    if (op.getTransposeLhs() || rank < 3)
      return failure();
    SmallVector<Operation *> tail{op};
    nn::SoftmaxOp softmax = matchSoftmax(op.getLhs(), tail);
    if (!softmax || getRank(softmax) != rank || getRank(op.getRhs()) != rank)
      return failure();
    Scores scores;
    if (!matchScores(softmax.getInput(), 1, scores, shapes))
      return failure();
    nn::MatMulOp matmul = scores.matmul;
    if (getRank(matmul) != rank || getRank(matmul.getLhs()) != rank || getRank(matmul.getRhs()) != rank)
      return failure();

    SmallVector<Operation *> ops(scores.ops.begin(), scores.ops.end());
    ops.append(tail.rbegin(), tail.rend());
    Location loc = fuseLocations(ops);
    Type element = getElement(op.getResult());
    bool swapQuery = matmul.getTransposeLhs(), swapKey = !matmul.getTransposeRhs(),
         swapValue = op.getTransposeRhs();
    Value query = peel(matmul.getLhs(), scores.scale, swapQuery),
          key = peel(matmul.getRhs(), scores.scale, swapKey);
    Value value = op.getRhs();
    if (getElement(query) != element || getElement(key) != element || !leadingSizesAgree(query, key, value))
      return failure();

    if (!swapKey && !swapValue) {
      Value oneKey = matchRepeatedHeads(key, shapes), oneValue = matchRepeatedHeads(value, shapes);
      if (oneKey && oneValue && shapes.equal(keptHeads(key), keptHeads(value))) {
        key = peel(asHeads(rewriter, oneKey, key), scores.scale, swapKey);
        value = asHeads(rewriter, oneValue, value);
      }
    }
    Value mask = createMask(rewriter, scores, element);
    if (swapQuery)
      query = createSwap(rewriter, loc, query);
    if (swapKey)
      key = createSwap(rewriter, loc, key);
    if (swapValue)
      value = createSwap(rewriter, loc, value);
    APFloat scale(static_cast<float>(scores.scale));
    replaceOp(rewriter, op, rewriter.create<nn::AttentionOp>(loc, query, key, value, mask, scale, false));
    return success();
  }

private:
  /// How many heads there are before the repetition that makes `repeated`.
  AffineExpr keptHeads(Value repeated) const {
    Value broadcast = repeated.getDefiningOp()->getOperand(0);
    return shapes.get(broadcast)[getRank(repeated) - 3];
  }

  /// The softmax over the last dimension behind casts and a guard against NaN, if nothing else uses any of
  /// them.
  static nn::SoftmaxOp matchSoftmax(Value v, SmallVectorImpl<Operation *> &ops) {
    for (unsigned uses = 1;;) {
      Operation *op = v.getDefiningOp();
      if (!op || llvm::range_size(v.getUses()) != uses)
        return {};
      ops.push_back(op);
      uses = 1;
      if (auto softmax = dyn_cast<nn::SoftmaxOp>(op)) {
        bool last = static_cast<int64_t>(softmax.getAxis()) == getRank(v) - 1;
        return last && !softmax.getLog() ? softmax : nn::SoftmaxOp();
      }
      if (auto cast = dyn_cast<nn::CastOp>(op); cast && isFloat(cast.getInput()) && isFloat(v)) {
        v = cast.getInput();
        continue;
      }
      auto guard = dyn_cast<nn::SelectOp>(op);
      auto isNan = guard ? guard.getCondition().getDefiningOp<nn::IsNanOp>() : nullptr;
      if (!isNan || !isNan->hasOneUse() || isNan.getInput() != guard.getRhs() ||
          !isUniform(guard.getLhs(), 0))
        return {};
      ops.push_back(isNan);
      v = guard.getRhs();
      uses = 2;
    }
  }

  /// The operand without constant scales, which go into `scale`, and exchanges of its last two dimensions,
  /// which toggle `swapped`.
  static Value peel(Value v, double &scale, bool &swapped) {
    for (;;) {
      if (std::optional<Scaled> scaled = matchScaled(v)) {
        scale *= scaled->factor;
        v = scaled->x;
        continue;
      }
      auto transpose = v.getDefiningOp<nn::TransposeOp>();
      if (!transpose)
        return v;
      SmallVector<int64_t> perm(transpose.getPerm());
      std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
      if (!llvm::is_sorted(perm))
        return v;
      swapped = !swapped;
      v = transpose.getInput();
    }
  }

  /// `one` as [.., Hk, T, D]: it may still have the repeated heads' dimension of size 1 (as in `repeated`'s
  /// broadcast).
  Value asHeads(PatternRewriter &rewriter, Value one, Value repeated) const {
    int64_t rank = getRank(repeated);
    if (getRank(one) == rank)
      return one;
    SmallVector<AffineExpr> sizes(shapes.get(one));
    sizes.erase(sizes.begin() + (rank - 2));
    return rewriter.create<nn::ReshapeOp>(one.getLoc(), one, shapes.getMap(sizes));
  }

  /// Leading sizes equal, but for heads, of which k and v may have fewer (a number that divides q's).
  bool leadingSizesAgree(Value query, Value key, Value value) const {
    ArrayRef<AffineExpr> q = shapes.get(query), k = shapes.get(key), v = shapes.get(value);
    size_t heads = q.size() - 3;
    for (size_t i = 0; i < heads; ++i)
      if (!shapes.equal(q[i], k[i]) || !shapes.equal(q[i], v[i]))
        return false;
    // matmul broadcasts leading sizes of 1, attention shares heads.
    return shapes.equal(k[heads], v[heads]) && (shapes.equal(q[heads], k[heads]) || isOne(k[heads]));
  }

  /// All masks as one tensor, null if there are none.
  static Value createMask(PatternRewriter &rewriter, const Scores &scores, Type element) {
    if (scores.masks.size() == 1 && scores.masks[0].isCondition && std::isinf(scores.masks[0].fill)) {
      const MaskTerm &term = scores.masks[0];
      if (!term.inverted)
        return term.value;
      return rewriter.create<nn::NotOp>(term.value.getLoc(), term.value);
    }
    Value sum;
    // Inner terms come first: they were added first.
    for (const MaskTerm &term : scores.masks) {
      Location loc = term.value.getLoc();
      Value mask = term.value;
      double scale = term.scale;
      if (term.isCondition) {
        // Made in the element type of the whole, in which the fill may be infinite.
        Value zero = createScalar(rewriter, loc, 0, element),
              fill = createScalar(rewriter, loc, term.fill, element);
        mask = rewriter.create<nn::SelectOp>(loc, mask, term.inverted ? fill : zero,
                                             term.inverted ? zero : fill);
        if (isMaskFill(term.fill * scale))
          scale = 1;
      }
      if (scale != 1)
        mask = rewriter.create<nn::MulOp>(loc, mask, createScalar(rewriter, loc, scale, getElement(mask)));
      if (getElement(mask) != element)
        mask = rewriter.create<nn::CastOp>(loc, mask, element);
      sum = sum ? rewriter.create<nn::AddOp>(loc, sum, mask) : mask;
    }
    return sum;
  }
};

} // namespace

void populateRaiseAttention(RewritePatternSet &patterns, nn::SymbolicShapes &shapes) {
  patterns.add<RaiseAttention>(patterns.getContext(), shapes);
}

} // namespace aicc

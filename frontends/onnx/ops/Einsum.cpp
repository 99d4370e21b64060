// Einsum by transposes, sums and batched matrix products, two operands at a time from the left.

#include "frontends/onnx/Node.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

/// A tensor whose dimensions are labels. Ellipsis dimensions get labels of their own, from the right: '0',
/// '1', ...
struct Term {
  Value value;
  std::string labels;
};

class Einsum {
public:
  explicit Einsum(Node &node) : n(node) {}

  Value run() {
    std::string equation;
    for (char c : n.getString("equation", ""))
      if (c != ' ')
        equation.push_back(c);
    auto [left, right] = StringRef(equation).split("->");
    const bool explicitOutput = StringRef(equation).contains("->");
    SmallVector<StringRef> parts;
    left.split(parts, ',');
    if (parts.size() != n.getNumInputs())
      throw ImportError("the equation has " + Twine(parts.size()) + " operands, the node " +
                        Twine(n.getNumInputs()));
    SmallVector<Term> terms;
    size_t ellipsis = 0;
    for (auto [i, part] : llvm::enumerate(parts)) {
      const int64_t rank = n.getRank(n.in(i));
      const std::string labels = expand(part, rank);
      ellipsis = std::max<size_t>(ellipsis, llvm::count_if(labels, isEllipsisLabel));
      terms.push_back({n.in(i), labels});
    }
    const std::string output =
        explicitOutput ? expandOutput(right, ellipsis) : implicitOutput(left, ellipsis);
    for (auto [i, label] : llvm::enumerate(output))
      if (output.find(label, i + 1) != std::string::npos || !isUsed(terms, 0, label))
        throw ImportError("the output of the equation is malformed");

    for (Term &term : terms)
      takeDiagonals(term);
    Term result = terms[0];
    for (size_t i = 1; i < terms.size(); ++i)
      result = contract(result, terms[i], neededAfter(terms, i + 1, output));
    dropUnneeded(result, output);
    return arrange(result, output);
  }

private:
  static bool isEllipsisLabel(char c) { return c >= '0' && c <= '9'; }

  static bool isUsed(ArrayRef<Term> terms, size_t from, char label) {
    return llvm::any_of(terms.drop_front(from),
                        [&](const Term &t) { return t.labels.find(label) != std::string::npos; });
  }

  static void checkLabels(StringRef labels) {
    if (!llvm::all_of(labels, llvm::isAlpha))
      throw ImportError("the equation is malformed");
  }

  std::string expand(StringRef part, int64_t rank) {
    if (!part.contains("...")) {
      checkLabels(part);
      if (int64_t(part.size()) != rank)
        throw ImportError("'" + part + "' does not fit an operand of rank " + Twine(rank));
      return part.str();
    }
    auto [front, back] = part.split("...");
    checkLabels(front);
    checkLabels(back);
    const int64_t hidden = rank - int64_t(front.size() + back.size());
    if (hidden < 0 || hidden > 9)
      throw ImportError("'" + part + "' does not fit an operand of rank " + Twine(rank));
    return front.str() + ellipsisLabels(hidden) + back.str();
  }

  /// Aligned at the right, as broadcasting does.
  static std::string ellipsisLabels(size_t count) {
    std::string labels;
    for (size_t i = count; i-- > 0;)
      labels.push_back(char('0' + i));
    return labels;
  }

  std::string expandOutput(StringRef right, size_t ellipsis) {
    auto [front, back] = right.split("...");
    checkLabels(front);
    checkLabels(back);
    return right.contains("...") ? front.str() + ellipsisLabels(ellipsis) + back.str() : right.str();
  }

  static std::string implicitOutput(StringRef left, size_t ellipsis) {
    std::string once;
    for (char c = 'A'; c <= 'z'; ++c)
      if (llvm::isAlpha(c) && left.count(c) == 1)
        once.push_back(c);
    return ellipsisLabels(ellipsis) + once;
  }

  static std::string neededAfter(ArrayRef<Term> terms, size_t next, StringRef output) {
    std::string needed = output.str();
    for (const Term &term : terms.drop_front(next))
      needed += term.labels;
    return needed;
  }

  /// "ii" reads the diagonal: flattened, every (size + 1)th element; of sizes that are not known, a sum over
  /// the elements whose two positions are equal.
  void takeDiagonals(Term &term) {
    for (size_t i = 0; i < term.labels.size(); ++i) {
      const size_t j = term.labels.find(term.labels[i], i + 1);
      if (j == std::string::npos)
        continue;
      SmallVector<int64_t> perm;
      for (size_t k = 0; k < term.labels.size(); ++k)
        if (k != i && k != j)
          perm.push_back(int64_t(k));
      perm.append({int64_t(i), int64_t(j)});
      term.value = takeLastDiagonal(n.builder.transpose(term.value, perm));
      const char label = term.labels[i];
      term.labels.erase(j, 1);
      term.labels.erase(i, 1);
      term.labels.push_back(label);
      i = size_t(-1); // start over with the new order
    }
  }

  Value takeLastDiagonal(Value x) {
    SmallVector<AffineExpr> shape(n.getShape(x));
    const AffineExpr rows = shape[shape.size() - 2], columns = shape.back();
    auto size = dyn_cast<AffineConstantExpr>(columns);
    auto other = dyn_cast<AffineConstantExpr>(rows);
    if (size && other && size != other)
      throw ImportError("a repeated label has the sizes " + Twine(other.getValue()) + " and " +
                        Twine(size.getValue()));
    if (!size || !other) {
      Type i64 = n.builder.getBuilder().getI64Type();
      Value equal = n.builder.compare(n.builder.iota({rows, n.constant(1)}, 0, i64),
                                      n.builder.iota({n.constant(1), columns}, 1, i64), nn::CompareKind::eq);
      Value diagonal = n.make<nn::SelectOp>(equal, x, n.builder.scalarLike(0, x));
      return n.builder.reduce(diagonal, nn::ReduceKind::sum, {int64_t(shape.size()) - 1}, false);
    }
    shape.pop_back();
    shape.back() = n.constant(size.getValue() * size.getValue());
    x = n.builder.reshape(x, shape);
    SmallVector<AffineExpr> offsets(shape.size(), n.constant(0));
    SmallVector<int64_t> steps(shape.size(), 1);
    shape.back() = size;
    steps.back() = size.getValue() + 1;
    return n.builder.slice(x, offsets, shape, steps);
  }

  /// Takes those labels from `term` along which it has size 1 and `other` a larger one: it is repeated there.
  void dropBroadcast(Term &term, const Term &other) {
    const AffineExpr one = n.constant(1);
    std::string kept;
    SmallVector<AffineExpr> shape;
    for (auto [label, size] : llvm::zip_equal(term.labels, n.getShape(term.value))) {
      const size_t at = other.labels.find(label);
      if (size == one && at != std::string::npos && n.getShape(other.value)[at] != one)
        continue;
      kept.push_back(label);
      shape.push_back(size);
    }
    term = {n.builder.reshape(term.value, shape), kept};
  }

  /// Sums over labels that nothing needs any more.
  void dropUnneeded(Term &term, StringRef needed) {
    SmallVector<int64_t> axes;
    std::string kept;
    for (auto [i, label] : llvm::enumerate(term.labels))
      if (needed.contains(label))
        kept.push_back(label);
      else
        axes.push_back(int64_t(i));
    term = {n.builder.reduce(term.value, nn::ReduceKind::sum, axes, false), kept};
  }

  /// Transposed to `labels`, which are all of the term's; those it lacks become dimensions of 1.
  Value arrange(const Term &term, StringRef labels) {
    SmallVector<int64_t> perm, missing;
    for (auto [i, label] : llvm::enumerate(labels)) {
      const size_t at = term.labels.find(label);
      if (at == std::string::npos)
        missing.push_back(int64_t(i));
      else
        perm.push_back(int64_t(at));
    }
    return n.builder.unsqueeze(n.builder.transpose(term.value, perm), missing);
  }

  AffineExpr getSize(const Term &term, char label) { return n.getShape(term.value)[term.labels.find(label)]; }

  Term contract(Term a, Term b, const std::string &needed) {
    dropBroadcast(a, b);
    dropBroadcast(b, a);
    dropUnneeded(a, needed + b.labels);
    dropUnneeded(b, needed + a.labels);
    std::string batch, inner, left, right;
    for (char label : a.labels) {
      const bool shared = b.labels.find(label) != std::string::npos;
      const bool kept = StringRef(needed).contains(label);
      (shared ? kept ? batch : inner : left).push_back(label);
    }
    for (char label : b.labels)
      if (a.labels.find(label) == std::string::npos)
        right.push_back(label);
    if (inner.empty()) { // an outer product: plain broadcasting
      const std::string labels = batch + left + right;
      return {n.mul(arrange(a, labels), arrange(b, labels)), labels};
    }
    auto matrix = [&](const Term &term, StringRef rows, StringRef columns) {
      Value x = arrange(term, (batch + rows + columns).str());
      SmallVector<AffineExpr> shape(n.getShape(x).take_front(batch.size()));
      for (StringRef part : {rows, columns}) {
        SmallVector<AffineExpr> sizes;
        for (char label : part)
          sizes.push_back(getSize(term, label));
        shape.push_back(n.math().product(sizes));
        if (!shape.back())
          throw ImportError("its sizes are too large");
      }
      return n.builder.reshape(x, shape);
    };
    Value product = n.make<nn::MatMulOp>(matrix(a, left, inner), matrix(b, inner, right), false, false);
    SmallVector<AffineExpr> shape(n.getShape(product).take_front(batch.size()));
    for (char label : left)
      shape.push_back(getSize(a, label));
    for (char label : right)
      shape.push_back(getSize(b, label));
    return {n.builder.reshape(product, shape), batch + left + right};
  }

  Node &n;
};

Results importEinsum(Node &n) { return Einsum(n).run(); }
} // namespace

void addEinsumOps(OpTable &t) { t.add("Einsum", importEinsum); }
} // namespace aicc::onnx_import

// Sizes as polynomials with integer coefficients over symbols and opaque terms (quotients and remainders).

#include "frontends/onnx/SizeMath.h"
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <map>

using namespace mlir;

namespace aicc::onnx_import {
namespace {

constexpr unsigned maxTerms = 64, maxDegree = 24, maxDepth = 48;

/// Exponents are written out: x*x*y is {x, x, y}, ascending. Ordered by degree, then lexicographically, which
/// is compatible with multiplication, as division needs.
struct MonomialLess {
  bool operator()(const std::vector<unsigned> &a, const std::vector<unsigned> &b) const {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  }
};
using Monomial = std::vector<unsigned>;
using Polynomial = std::map<Monomial, int64_t, MonomialLess>;

/// Converts between expressions and polynomials; atoms beyond the symbols are numbered as they come.
class PolynomialBuilder {
public:
  explicit PolynomialBuilder(MLIRContext *context) : context(context) {}

  bool add(Polynomial &into, const Monomial &monomial, int64_t coefficient) {
    int64_t &slot = into[monomial];
    if (llvm::AddOverflow(slot, coefficient, slot))
      return false;
    if (slot == 0)
      into.erase(monomial);
    return into.size() <= maxTerms;
  }

  std::optional<Polynomial> multiply(const Polynomial &a, const Polynomial &b) {
    Polynomial result;
    for (const auto &[left, x] : a)
      for (const auto &[right, y] : b) {
        int64_t coefficient;
        if (llvm::MulOverflow(x, y, coefficient) || left.size() + right.size() > maxDegree)
          return std::nullopt;
        Monomial merged(left.size() + right.size());
        std::merge(left.begin(), left.end(), right.begin(), right.end(), merged.begin());
        if (!add(result, merged, coefficient))
          return std::nullopt;
      }
    return result;
  }

  std::optional<Polynomial> get(AffineExpr expr, unsigned depth = 0) {
    if (depth > maxDepth)
      return std::nullopt;
    if (auto number = dyn_cast<AffineConstantExpr>(expr)) {
      Polynomial result;
      if (number.getValue())
        result[{}] = number.getValue();
      return result;
    }
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
      return Polynomial{{{symbol.getPosition()}, 1}};
    auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
    if (!binary)
      return std::nullopt;
    std::optional<Polynomial> lhs = get(binary.getLHS(), depth + 1), rhs = get(binary.getRHS(), depth + 1);
    if (!lhs || !rhs)
      return std::nullopt;
    switch (expr.getKind()) {
    case AffineExprKind::Add:
      for (const auto &[monomial, coefficient] : *rhs)
        if (!add(*lhs, monomial, coefficient))
          return std::nullopt;
      return lhs;
    case AffineExprKind::Mul:
      return multiply(*lhs, *rhs);
    default:
      return Polynomial{{{getAtom(getAffineBinaryOpExpr(expr.getKind(), getExpr(*lhs), getExpr(*rhs)))}, 1}};
    }
  }

  AffineExpr getExpr(const Polynomial &polynomial) {
    // Larger terms first, constants last, as one writes them.
    AffineExpr sum;
    for (auto it = polynomial.rbegin(); it != polynomial.rend(); ++it) {
      AffineExpr term;
      for (unsigned atom : it->first) {
        AffineExpr factor = atom < firstAtom ? getAffineSymbolExpr(atom, context) : atoms[atom - firstAtom];
        term = term ? term * factor : factor;
      }
      AffineExpr coefficient = getAffineConstantExpr(it->second, context);
      term = term ? term * coefficient : coefficient;
      sum = sum ? sum + term : term;
    }
    return sum ? sum : getAffineConstantExpr(0, context);
  }

  /// a / b by long division; nullopt if there is a remainder.
  std::optional<Polynomial> divide(Polynomial a, const Polynomial &b) {
    if (b.empty())
      return std::nullopt;
    const auto &[leading, by] = *b.rbegin();
    Polynomial quotient;
    for (unsigned step = 0; !a.empty(); ++step) {
      const auto &[monomial, coefficient] = *a.rbegin();
      Monomial rest;
      if (step > maxTerms || (by == -1 && coefficient == INT64_MIN) || coefficient % by != 0 ||
          !std::includes(monomial.begin(), monomial.end(), leading.begin(), leading.end()))
        return std::nullopt;
      std::set_difference(monomial.begin(), monomial.end(), leading.begin(), leading.end(),
                          std::back_inserter(rest));
      Polynomial term{{rest, coefficient / by}};
      std::optional<Polynomial> product = multiply(term, b);
      if (!product || !add(quotient, rest, coefficient / by))
        return std::nullopt;
      for (const auto &[key, value] : *product)
        if (value == INT64_MIN || !add(a, key, -value))
          return std::nullopt;
    }
    return quotient;
  }

private:
  unsigned getAtom(AffineExpr expr) {
    // It may have simplified to something plain.
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
      return symbol.getPosition();
    for (auto [index, atom] : llvm::enumerate(atoms))
      if (atom == expr)
        return firstAtom + index;
    atoms.push_back(expr);
    return firstAtom + atoms.size() - 1;
  }

  static constexpr unsigned firstAtom = 1u << 30;
  MLIRContext *context;
  SmallVector<AffineExpr> atoms;
};

int64_t saturate(__int128 value) {
  return value < INT64_MIN ? INT64_MIN : value > INT64_MAX ? INT64_MAX : int64_t(value);
}
bool isInfinite(int64_t value) { return value == INT64_MIN || value == INT64_MAX; }

int64_t addBound(int64_t a, int64_t b) {
  return isInfinite(a) ? a : isInfinite(b) ? b : saturate(__int128(a) + b);
}
int64_t multiplyBound(int64_t a, int64_t b) {
  if (a == 0 || b == 0)
    return 0;
  if (isInfinite(a) || isInfinite(b))
    return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
  return saturate(__int128(a) * b);
}
} // namespace

AffineExpr SizeMath::constant(int64_t value) const {
  return getAffineConstantExpr(value, shapes.getContext());
}

AffineExpr SizeMath::simplify(AffineExpr expr) const {
  if (!expr || isa<AffineConstantExpr, AffineSymbolExpr>(expr))
    return expr;
  PolynomialBuilder builder(shapes.getContext());
  std::optional<Polynomial> polynomial = builder.get(expr);
  return polynomial ? nn::ShapeContext(shapes.getContext(), nullptr).simplify(builder.getExpr(*polynomial))
                    : AffineExpr();
}

AffineExpr SizeMath::product(ArrayRef<AffineExpr> sizes) const {
  AffineExpr result = constant(1);
  for (AffineExpr size : sizes) {
    auto a = dyn_cast<AffineConstantExpr>(result), b = dyn_cast<AffineConstantExpr>(size);
    int64_t value;
    if (a && b) {
      if (llvm::MulOverflow(a.getValue(), b.getValue(), value))
        return {};
      result = constant(value);
    } else {
      result = simplify(result * size);
    }
    if (!result)
      return {};
  }
  return result;
}

AffineExpr SizeMath::divideExactly(AffineExpr a, AffineExpr b) const {
  PolynomialBuilder builder(shapes.getContext());
  std::optional<Polynomial> x = builder.get(a), y = builder.get(b);
  if (!x || !y)
    return {};
  std::optional<Polynomial> quotient = builder.divide(std::move(*x), *y);
  return quotient ? builder.getExpr(*quotient) : AffineExpr();
}

AffineExpr SizeMath::floorDiv(AffineExpr a, AffineExpr b) const {
  if (AffineExpr exact = divideExactly(a, b))
    return exact;
  if (getBounds(b).min <= 0)
    return {};
  return simplify(a.floorDiv(b));
}

AffineExpr SizeMath::ceilDiv(AffineExpr a, int64_t b) const {
  if (b <= 0)
    return {};
  return floorDiv(a + (b - 1), constant(b));
}

AffineExpr SizeMath::mod(AffineExpr a, int64_t b) const {
  if (b <= 0)
    return {};
  if (divideExactly(a, constant(b)))
    return constant(0);
  return simplify(a % uint64_t(b));
}

AffineExpr SizeMath::max(AffineExpr a, AffineExpr b) const {
  if (std::optional<int> order = compare(a, b))
    return *order >= 0 ? a : b;
  return shapes.getMax(a, b);
}

AffineExpr SizeMath::min(AffineExpr a, AffineExpr b) const {
  if (std::optional<int> order = compare(a, b))
    return *order <= 0 ? a : b;
  AffineExpr larger = shapes.getMax(a, b);
  return larger ? simplify(a + b - larger) : AffineExpr();
}

Interval SizeMath::getBounds(AffineExpr expr) const {
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return {number.getValue(), number.getValue()};
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    auto symbols = shapes.getFunction()->getAttrOfType<ArrayAttr>(nn::NNDialect::getSymbolsAttrName());
    if (!symbols || symbol.getPosition() >= symbols.size())
      return {};
    auto info = dyn_cast<nn::SymbolAttr>(symbols[symbol.getPosition()]);
    return info ? Interval{info.getMin(), info.getMax()} : Interval{};
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return {};
  const Interval a = getBounds(binary.getLHS()), b = getBounds(binary.getRHS());
  auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return {addBound(a.min, b.min), addBound(a.max, b.max)};
  case AffineExprKind::Mul: {
    const int64_t corners[] = {multiplyBound(a.min, b.min), multiplyBound(a.min, b.max),
                               multiplyBound(a.max, b.min), multiplyBound(a.max, b.max)};
    return {*std::min_element(corners, corners + 4), *std::max_element(corners, corners + 4)};
  }
  case AffineExprKind::FloorDiv:
    if (divisor && divisor.getValue() > 0)
      return {isInfinite(a.min) ? a.min : llvm::divideFloorSigned(a.min, divisor.getValue()),
              isInfinite(a.max) ? a.max : llvm::divideFloorSigned(a.max, divisor.getValue())};
    return a.min >= 0 && b.min > 0 ? Interval{0, a.max} : Interval{};
  case AffineExprKind::Mod:
    return divisor && divisor.getValue() > 0 ? Interval{0, divisor.getValue() - 1} : Interval{};
  default:
    return a.min >= 0 && b.min > 0 ? Interval{0, a.max} : Interval{};
  }
}

std::optional<int> SizeMath::compare(AffineExpr a, AffineExpr b) const {
  AffineExpr difference = simplify(a - b);
  if (!difference)
    return std::nullopt;
  const Interval bounds = getBounds(difference);
  if (bounds.min == 0 && bounds.max == 0)
    return 0;
  if (bounds.min > 0)
    return 1;
  if (bounds.max < 0)
    return -1;
  return std::nullopt;
}

bool SizeMath::require(AffineExpr expr, int64_t min, int64_t max) const {
  auto symbol = dyn_cast<AffineSymbolExpr>(expr);
  auto symbols = shapes.getFunction()->getAttrOfType<ArrayAttr>(nn::NNDialect::getSymbolsAttrName());
  if (!symbol || !symbols || symbol.getPosition() >= symbols.size())
    return false;
  auto info = dyn_cast<nn::SymbolAttr>(symbols[symbol.getPosition()]);
  if (!info || info.getKind() != nn::SymbolKind::input)
    return false;
  min = std::max(min, info.getMin());
  max = std::min(max, info.getMax());
  if (min > max)
    return false;
  SmallVector<Attribute> changed(symbols.getValue());
  changed[symbol.getPosition()] = nn::SymbolAttr::get(shapes.getContext(), info.getName(), info.getKind(),
                                                      min, max, info.getDefinition());
  shapes.getFunction()->setAttr(nn::NNDialect::getSymbolsAttrName(),
                                ArrayAttr::get(shapes.getContext(), changed));
  return true;
}

namespace {
/// Recursive descent over sums of products of names, numbers and parentheses.
class SizeParser {
public:
  SizeParser(StringRef text, llvm::function_ref<AffineExpr(StringRef)> lookup, MLIRContext *context)
      : text(text), lookup(lookup), context(context) {}

  AffineExpr parse() {
    AffineExpr result = parseSum(0);
    return text.ltrim().empty() ? result : AffineExpr();
  }

private:
  bool accept(StringRef token) {
    text = text.ltrim();
    return text.consume_front(token);
  }

  AffineExpr parseSum(unsigned depth) {
    AffineExpr left = parseProduct(depth);
    while (left) {
      const bool plus = accept("+");
      if (!plus && !accept("-"))
        break;
      AffineExpr right = parseProduct(depth);
      if (!right)
        return {};
      left = plus ? left + right : left - right;
    }
    return left;
  }

  AffineExpr parseProduct(unsigned depth) {
    AffineExpr left = parseAtom(depth);
    while (left) {
      if (accept("//")) {
        auto right = dyn_cast_or_null<AffineConstantExpr>(parseAtom(depth));
        if (!right || right.getValue() <= 0)
          return {};
        left = left.floorDiv(right);
      } else if (accept("*")) {
        AffineExpr right = parseAtom(depth);
        if (!right)
          return {};
        left = left * right;
      } else {
        break;
      }
    }
    return left;
  }

  AffineExpr parseAtom(unsigned depth) {
    if (depth > 16)
      return {};
    if (accept("(")) {
      AffineExpr inner = parseSum(depth + 1);
      return inner && accept(")") ? inner : AffineExpr();
    }
    text = text.ltrim();
    int64_t number;
    StringRef word = text.take_while([](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; });
    text = text.drop_front(word.size());
    if (word.empty())
      return {};
    if (!word.getAsInteger(10, number))
      return number >= 0 && number < (int64_t(1) << 40) ? getAffineConstantExpr(number, context)
                                                        : AffineExpr();
    return lookup(word);
  }

  StringRef text;
  llvm::function_ref<AffineExpr(StringRef)> lookup;
  MLIRContext *context;
};
} // namespace

AffineExpr parseSize(StringRef text, llvm::function_ref<AffineExpr(StringRef)> lookup, MLIRContext *context) {
  constexpr size_t maxLength = 256;
  return text.size() > maxLength ? AffineExpr() : SizeParser(text, lookup, context).parse();
}
} // namespace aicc::onnx_import

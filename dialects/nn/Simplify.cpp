// Canonical form of sizes: a polynomial with integer coefficients over symbols and irreducible quotients.
// Affine simplification upstream knows neither products of symbols nor their division, which reshapes of
// dynamic shapes need (s0*s1*64 / (s1*64) = s0). mod and ceildiv are rewritten by floordiv, so that all three
// meet in one form. Divisors are sizes: they count as positive.

#include "dialects/nn/Shapes.h"
#include "llvm/Support/MathExtras.h"
#include <map>
#include <numeric>

using namespace mlir;

namespace aicc::nn {

int compareExprs(AffineExpr a, AffineExpr b) {
  if (a == b)
    return 0;
  auto three = [](auto x, auto y) { return x < y ? -1 : x > y ? 1 : 0; };
  auto rank = [](AffineExpr e) {
    return isa<AffineSymbolExpr>(e) ? 0 : isa<AffineDimExpr>(e) ? 1 : isa<AffineConstantExpr>(e) ? 3 : 2;
  };
  if (int c = three(rank(a), rank(b)))
    return c;
  if (auto symbol = dyn_cast<AffineSymbolExpr>(a))
    return three(symbol.getPosition(), cast<AffineSymbolExpr>(b).getPosition());
  if (auto dim = dyn_cast<AffineDimExpr>(a))
    return three(dim.getPosition(), cast<AffineDimExpr>(b).getPosition());
  if (auto constant = dyn_cast<AffineConstantExpr>(a))
    return three(constant.getValue(), cast<AffineConstantExpr>(b).getValue());
  auto x = cast<AffineBinaryOpExpr>(a), y = cast<AffineBinaryOpExpr>(b);
  if (int c = three(static_cast<int>(x.getKind()), static_cast<int>(y.getKind())))
    return c;
  if (int c = compareExprs(x.getLHS(), y.getLHS()))
    return c;
  return compareExprs(x.getRHS(), y.getRHS());
}

namespace {
/// A product of atoms (symbols, dimensions, irreducible quotients), ascending by compareExprs.
using Monomial = SmallVector<AffineExpr, 3>;

/// Graded lexicographic order, greatest first: what polynomial division needs, and how people write
/// polynomials.
struct GreaterMonomial {
  bool operator()(const Monomial &a, const Monomial &b) const {
    if (a.size() != b.size())
      return a.size() > b.size();
    for (auto [x, y] : llvm::zip_equal(a, b))
      if (int c = compareExprs(x, y))
        return c < 0;
    return false;
  }
};
/// Coefficients by monomial; none is zero.
using Polynomial = std::map<Monomial, int64_t, GreaterMonomial>;

Monomial multiply(const Monomial &a, const Monomial &b) {
  Monomial result;
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result),
             [](AffineExpr x, AffineExpr y) { return compareExprs(x, y) < 0; });
  return result;
}

/// a / b, if b divides a.
std::optional<Monomial> divide(const Monomial &a, const Monomial &b) {
  Monomial result;
  size_t j = 0;
  for (AffineExpr atom : a) {
    if (j < b.size() && atom == b[j])
      ++j;
    else
      result.push_back(atom);
  }
  if (j != b.size())
    return std::nullopt;
  return result;
}

Monomial commonFactor(const Monomial &a, const Monomial &b) {
  Monomial result, rest(b);
  for (AffineExpr atom : a) {
    auto it = llvm::find(rest, atom);
    if (it == rest.end())
      continue;
    result.push_back(atom);
    rest.erase(it);
  }
  return result;
}

int64_t floorDivide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a % b < 0) != (b < 0)); }

/// Builds polynomials. `overflow` is set, and results mean nothing, once a coefficient does not fit.
class Normalizer {
public:
  explicit Normalizer(MLIRContext *context) : context(context) {}

  Polynomial normalize(AffineExpr expr);
  AffineExpr toExpr(const Polynomial &p) const;
  bool overflow = false;

private:
  Polynomial constant(int64_t value) { return value ? Polynomial{{Monomial(), value}} : Polynomial(); }
  Polynomial atom(AffineExpr expr) { return {{Monomial{expr}, 1}}; }
  void addTerm(Polynomial &p, const Monomial &m, int64_t coefficient);
  /// a + scale * b.
  Polynomial add(Polynomial a, const Polynomial &b, int64_t scale = 1);
  Polynomial multiply(const Polynomial &a, const Polynomial &b);
  Polynomial floorDiv(const Polynomial &a, const Polynomial &b);
  Polynomial floorDivByTerm(const Polynomial &a, Monomial m, int64_t c);
  /// The quotient, if b divides a without remainder.
  std::optional<Polynomial> divideExactly(Polynomial a, const Polynomial &b);
  int64_t checked(bool overflowed, int64_t value) {
    overflow |= overflowed;
    return value;
  }
  int64_t checkedMul(int64_t a, int64_t b) {
    int64_t r;
    return checked(llvm::MulOverflow(a, b, r), r);
  }
  /// A number's magnitude for divisors; the most negative number has none.
  int64_t magnitude(int64_t a) { return checked(a == INT64_MIN, a == INT64_MIN ? 1 : std::abs(a)); }

  MLIRContext *context;
};
} // namespace

void Normalizer::addTerm(Polynomial &p, const Monomial &m, int64_t coefficient) {
  if (!coefficient)
    return;
  auto [it, inserted] = p.try_emplace(m, coefficient);
  if (inserted)
    return;
  int64_t sum;
  overflow |= llvm::AddOverflow(it->second, coefficient, sum);
  if (sum)
    it->second = sum;
  else
    p.erase(it);
}

Polynomial Normalizer::add(Polynomial a, const Polynomial &b, int64_t scale) {
  for (auto &[m, c] : b)
    addTerm(a, m, checkedMul(c, scale));
  return a;
}

Polynomial Normalizer::multiply(const Polynomial &a, const Polynomial &b) {
  Polynomial result;
  for (auto &[m, c] : a)
    for (auto &[n, d] : b)
      addTerm(result, nn::multiply(m, n), checkedMul(c, d));
  return result;
}

std::optional<Polynomial> Normalizer::divideExactly(Polynomial a, const Polynomial &b) {
  Polynomial quotient;
  auto [leading, c] = *b.begin();
  while (!a.empty() && !overflow) {
    auto [m, d] = *a.begin();
    std::optional<Monomial> factor = divide(m, leading);
    if (!factor || c == 0 || (c == -1 && d == INT64_MIN) || d % c)
      return std::nullopt;
    Polynomial term{{*factor, d / c}};
    addTerm(quotient, *factor, d / c);
    a = add(std::move(a), multiply(term, b), -1);
  }
  return quotient;
}

/// Division by c * m, where c > 0: what divides comes out, common factors are cancelled, nested quotients are
/// joined.
Polynomial Normalizer::floorDivByTerm(const Polynomial &a, Monomial m, int64_t c) {
  Polynomial quotient, rest;
  for (auto &[n, d] : a) {
    if (std::optional<Monomial> factor = divide(n, m)) {
      int64_t q = floorDivide(d, c);
      addTerm(quotient, *factor, q);
      addTerm(rest, n, d - q * c);
    } else {
      addTerm(rest, n, d);
    }
  }
  // 0 <= rest < c.
  if (rest.empty() || (m.empty() && rest.size() == 1 && rest.begin()->first.empty()))
    return quotient;

  int64_t gcd = c;
  for (auto &[n, d] : rest)
    if (!n.empty())
      gcd = std::gcd(gcd, magnitude(d));
  Monomial common = m;
  for (auto &[n, d] : rest)
    common = commonFactor(common, n);
  Polynomial reduced;
  for (auto &[n, d] : rest)
    addTerm(reduced, *divide(n, common),
            floorDivide(d, gcd)); // exact but for the constant, where floor is right too
  c /= gcd;
  m = *divide(m, common);
  if (m.empty() && c == 1)
    return add(std::move(quotient), reduced);
  if (gcd != 1 || !common.empty())
    return add(std::move(quotient), floorDivByTerm(reduced, m, c));

  // (x floordiv d + k) floordiv c = (x + k d) floordiv (c d)
  auto &[first, one] = *reduced.begin();
  if (m.empty() && first.size() == 1 && one == 1 && reduced.size() <= 2 &&
      (reduced.size() == 1 || std::next(reduced.begin())->first.empty())) {
    auto inner = dyn_cast<AffineBinaryOpExpr>(first.front());
    auto d = inner ? dyn_cast<AffineConstantExpr>(inner.getRHS()) : nullptr;
    if (d && inner.getKind() == AffineExprKind::FloorDiv) {
      int64_t k = reduced.size() == 2 ? std::next(reduced.begin())->second : 0;
      Polynomial joined = add(normalize(inner.getLHS()), constant(checkedMul(k, d.getValue())));
      int64_t divisor = checkedMul(c, d.getValue());
      if (!overflow)
        return add(std::move(quotient), floorDivByTerm(joined, {}, divisor));
    }
  }
  AffineExpr divisor = toExpr({{m, c}});
  return add(std::move(quotient),
             atom(getAffineBinaryOpExpr(AffineExprKind::FloorDiv, toExpr(reduced), divisor)));
}

Polynomial Normalizer::floorDiv(const Polynomial &a, const Polynomial &b) {
  if (a.empty() && !b.empty())
    return {};
  if (b.size() == 1) {
    auto [m, c] = *b.begin();
    if (c == INT64_MIN) {
      overflow = true;
      return {};
    }
    return c > 0 ? floorDivByTerm(a, m, c) : floorDivByTerm(add({}, a, -1), m, -c);
  }
  if (!b.empty())
    if (std::optional<Polynomial> quotient = divideExactly(a, b))
      return *quotient;
  return atom(getAffineBinaryOpExpr(AffineExprKind::FloorDiv, toExpr(a), toExpr(b)));
}

Polynomial Normalizer::normalize(AffineExpr expr) {
  if (auto value = dyn_cast<AffineConstantExpr>(expr))
    return constant(value.getValue());
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return atom(expr);
  Polynomial a = normalize(binary.getLHS()), b = normalize(binary.getRHS());
  if (overflow)
    return {};
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return add(std::move(a), b);
  case AffineExprKind::Mul:
    return multiply(a, b);
  case AffineExprKind::FloorDiv:
    return floorDiv(a, b);
  case AffineExprKind::CeilDiv:
    // By a constant as floor((a + b - 1) / b), which keeps a's signs; otherwise as -floor(-a / b).
    if (b.size() == 1 && b.begin()->first.empty() && b.begin()->second > 0)
      return floorDiv(add(std::move(a), constant(b.begin()->second - 1)), b);
    return add({}, floorDiv(add({}, a, -1), b), -1);
  case AffineExprKind::Mod:
    if (b.empty())
      return atom(expr);
    return add(a, multiply(floorDiv(a, b), b), -1);
  default:
    return atom(expr);
  }
}

AffineExpr Normalizer::toExpr(const Polynomial &p) const {
  AffineExpr sum;
  for (auto &[m, c] : p) {
    AffineExpr term;
    for (AffineExpr factor : m)
      term = term ? term * factor : factor;
    if (!term)
      term = getAffineConstantExpr(c, context);
    else if (c != 1)
      term = term * c;
    sum = sum ? sum + term : term;
  }
  return sum ? sum : getAffineConstantExpr(0, context);
}

AffineExpr ShapeContext::simplify(AffineExpr expr) const {
  if (isa<AffineConstantExpr, AffineSymbolExpr, AffineDimExpr>(expr))
    return expr;
  Normalizer normalizer(context);
  Polynomial p = normalizer.normalize(expr);
  return normalizer.overflow ? expr : normalizer.toExpr(p);
}

} // namespace aicc::nn

// TfIdfVectorizer on numbers: counts of n-grams. An n-gram of the pool is compared with every window of a
// row.

#include "frontends/onnx/ops/Vectors.h"
#include <map>

using namespace mlir;

namespace aicc::onnx_import {
namespace {

struct Pool {
  /// The n-grams of each length (index 0: length 1) that count, with the column that they count in.
  std::vector<std::map<std::vector<int64_t>, int64_t>> grams;
  int64_t columns = 0;
  /// Which n-gram of the pool counts in a column: the last that does.
  std::map<int64_t, size_t> gramOfColumn;
};

Pool getPool(Node &n, int64_t shortest, int64_t longest) {
  SmallVector<int64_t> pool = n.getInts("pool_int64s"), starts = n.getInts("ngram_counts"),
                       columns = n.getInts("ngram_indexes");
  if (n.hasAttr("pool_strings") && pool.empty())
    throw ImportError("n-grams of strings are not supported", "number the words outside the model");
  if (starts.empty() || columns.empty() || starts[0] != 0)
    throw ImportError("ngram_counts or ngram_indexes is empty or does not begin at 0");
  Pool result;
  for (auto [i, column] : llvm::enumerate(columns)) {
    if (column < 0 || column > int64_t(columns.size()) * 1024)
      throw ImportError("an index of ngram_indexes is out of range");
    result.columns = std::max(result.columns, column + 1);
    result.gramOfColumn[column] = i;
  }
  size_t gram = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t begin = starts[i], end = i + 1 < starts.size() ? starts[i + 1] : int64_t(pool.size());
    const int64_t length = int64_t(i) + 1;
    if (begin < 0 || end < begin || end > int64_t(pool.size()) || (end - begin) % length != 0)
      throw ImportError("ngram_counts does not fit the pool");
    result.grams.emplace_back();
    for (int64_t at = begin; at < end; at += length, ++gram) {
      if (gram >= columns.size())
        throw ImportError("ngram_indexes has fewer entries than the pool has n-grams");
      if (length >= shortest && length <= longest) // of equal ones, the last counts
        result.grams.back()[std::vector<int64_t>(pool.begin() + at, pool.begin() + at + length)] =
            columns[gram];
    }
  }
  return result;
}

Results importTfIdf(Node &n) {
  OpBuilder &b = n.builder.getBuilder();
  const int64_t shortest = n.getInt("min_gram_length"), longest = n.getInt("max_gram_length"),
                skips = n.getInt("max_skip_count");
  const std::string mode = n.getString("mode", "");
  if (shortest < 1 || longest < shortest || longest > 1024 || skips < 0 || skips > 1024)
    throw ImportError("the lengths of n-grams or the skips are out of range");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    throw ImportError("mode is none of TF, IDF and TFIDF");
  const Pool pool = getPool(n, shortest, longest);

  Value x = n.in(0);
  const bool isVector = n.getRank(x) == 1;
  if (n.getRank(x) < 1 || n.getRank(x) > 2 || n.isFloat(x))
    throw ImportError("its input must be a vector or a matrix of integers");
  if (isVector)
    x = n.builder.unsqueeze(x, {0});
  Type i64 = b.getI64Type(), f32 = b.getF32Type();
  x = n.builder.convert(x, i64);
  const AffineExpr rows = n.getShape(x)[0], length = n.getShape(x)[1], zero = n.constant(0);
  // Padded, so that windows start everywhere; those that reach beyond the end don't count.
  const int64_t longestInPool = std::min<int64_t>(longest, int64_t(pool.grams.size()));
  AffineExpr padding = n.constant((longestInPool - 1) * (skips + 1));
  Value padded = n.make<nn::PadOp>(x, n.builder.scalar(0, i64), n.builder.map({zero, zero}),
                                   n.builder.map({zero, padding}), nn::PadMode::constant);
  Value position = n.builder.unsqueeze(n.builder.iota({length}, 0, i64), {1});
  Value end = n.builder.sizes({length}, /*isScalar=*/true);

  SmallVector<Value> counts;
  SmallVector<int64_t> columns;
  for (auto [i, grams] : llvm::enumerate(pool.grams)) {
    if (grams.empty())
      continue;
    Value sum;
    for (int64_t skip = 0; skip <= (i == 0 ? 0 : skips); ++skip) {
      Value found =
          n.builder.compare(n.add(position, double(int64_t(i) * (skip + 1))), end, nn::CompareKind::lt);
      for (size_t k = 0; k <= i; ++k) {
        SmallVector<int64_t> tokens;
        for (const auto &[gram, column] : grams)
          tokens.push_back(gram[k]);
        Value window = n.builder.sliceAxis(padded, 1, n.constant(int64_t(k) * (skip + 1)), length);
        Value equal = n.builder.compare(n.builder.unsqueeze(window, {2}),
                                        makeConstant<int64_t>(n, tokens, i64), nn::CompareKind::eq);
        found = n.make<nn::AndOp>(found, equal);
      }
      Value count = n.builder.reduce(n.builder.convert(found, f32), nn::ReduceKind::sum, {1}, false);
      sum = sum ? n.add(sum, count) : count;
    }
    counts.push_back(sum);
    for (const auto &[gram, column] : grams)
      columns.push_back(column);
  }

  // The columns in their order: those without an n-gram are zero, several in one are summed.
  Value y;
  SmallVector<AffineExpr> shape{rows, n.constant(pool.columns)};
  if (counts.empty()) {
    y = n.builder.broadcast(n.builder.scalar(0, f32), shape);
  } else {
    Value all = n.builder.concat(counts, 1);
    Value index = n.builder.broadcast(makeConstant<int64_t>(n, columns, i64), n.getShape(all));
    y = n.make<nn::ScatterElementsOp>(n.builder.broadcast(n.builder.scalar(0, f32), shape), index, all, 1,
                                      nn::ScatterKind::add);
  }
  if (mode == "IDF")
    y = n.builder.convert(n.builder.compare(y, n.builder.scalar(0, f32), nn::CompareKind::gt), f32);
  SmallVector<double> weights = n.getFloats("weights");
  if (mode != "TF" && !weights.empty()) {
    SmallVector<double> perColumn(size_t(pool.columns), 0);
    for (auto [column, gram] : pool.gramOfColumn) {
      if (gram >= weights.size())
        throw ImportError("it has fewer weights than n-grams");
      perColumn[size_t(column)] = weights[gram];
    }
    y = n.mul(y, makeConstant<double>(n, perColumn, f32));
  }
  return isVector ? n.builder.reshape(y, {shape[1]}) : y;
}
} // namespace

void addTextOps(OpTable &t) { t.add("TfIdfVectorizer", importTfIdf); }
} // namespace aicc::onnx_import

// ai.onnx.ml on numbers: scaling, encoding, linear models and support vectors. Trees are in Trees.cpp.

#include "frontends/onnx/ops/Vectors.h"

using namespace mlir;

namespace aicc::onnx_import {

/// e^x / sum over what is not 0; zeros are only scaled along.
static Value softmaxZero(Node &n, Value x) {
  Value top = n.builder.reduce(x, nn::ReduceKind::max, {1}, true);
  Value small = n.builder.compare(n.make<nn::AbsOp>(x), n.builder.scalarLike(1e-7, x), nn::CompareKind::le);
  Value e = n.make<nn::ExpOp>(n.sub(x, top));
  Value sum = n.builder.reduce(n.make<nn::SelectOp>(small, n.builder.scalarLike(0, x), e),
                               nn::ReduceKind::sum, {1}, true);
  Value scaled = n.mul(x, n.make<nn::ExpOp>(n.make<nn::NegOp>(top)));
  return n.div(n.make<nn::SelectOp>(small, scaled, e), sum);
}

/// The quantile of the normal distribution, by Winitzki's approximation of erf's inverse.
static Value probit(Node &n, Value x) {
  Value y = n.add(n.mul(x, 2), -1);
  Value one = n.builder.scalarLike(1, x);
  Value log = n.make<nn::LogOp>(n.mul(n.sub(one, y), n.add(y, 1)));
  Value v = n.add(n.mul(log, 0.5), 2 / (3.14159265358979 * 0.147));
  Value root = n.make<nn::SqrtOp>(n.sub(n.mul(v, v), n.mul(log, 1 / 0.147)));
  Value size = n.make<nn::SqrtOp>(n.sub(root, v));
  return n.mul(n.mul(n.make<nn::SignOp>(y), size), 1.41421356);
}

Value transformScores(Node &n, Value scores) {
  static constexpr StringRef names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  const onnx::AttributeProto *attribute = n.getAttr("post_transform");
  std::string how = n.getString("post_transform", "NONE");
  if (attribute && attribute->type() == onnx::AttributeProto::INT)
    how = attribute->i() >= 0 && attribute->i() < 5 ? names[attribute->i()].str() : "";
  if (how == "NONE")
    return scores;
  if (how == "SOFTMAX")
    return n.make<nn::SoftmaxOp>(scores, 1, false);
  if (how == "LOGISTIC")
    return n.make<nn::SigmoidOp>(scores);
  if (how == "SOFTMAX_ZERO")
    return softmaxZero(n, scores);
  if (how == "PROBIT")
    return probit(n, scores);
  throw ImportError("post_transform '" + how + "' is not supported");
}

namespace {

Value toFloat(Node &n, Value x) { return n.builder.convert(x, n.builder.getBuilder().getF32Type()); }

/// [N, F]; a vector is one row.
Value getMatrix(Node &n, Value x) {
  if (n.getRank(x) == 1)
    x = n.builder.unsqueeze(x, {0});
  if (n.getRank(x) != 2)
    throw ImportError("its input must be a matrix");
  return toFloat(n, x);
}

/// A number for all features or one for each.
Value getPerFeature(Node &n, StringRef name, ArrayRef<double> values, Value x) {
  if (values.empty())
    throw ImportError("attribute '" + name + "' is empty");
  if (values.size() > 1) {
    if (n.getRank(x) == 0)
      throw ImportError("its input is a scalar");
    if (n.getStaticSize(x, n.getRank(x) - 1, "the number of features") != int64_t(values.size()))
      throw ImportError("attribute '" + name + "' needs a number per feature");
  }
  return makeConstant<double>(n, values, n.getElement(x));
}

Results importArrayFeatureExtractor(Node &n) {
  Value x = n.in(0);
  if (n.getRank(x) == 0)
    throw ImportError("its input is a scalar");
  if (n.getRank(x) == 1)
    x = n.builder.unsqueeze(x, {0});
  AffineExpr count = n.math().product(n.getShape(n.in(1)));
  if (!count)
    throw ImportError("its sizes are too large");
  return n.make<nn::GatherOp>(x, n.builder.reshape(n.in(1), {count}), n.getRank(x) - 1);
}

Results importBinarizer(Node &n) {
  Value x = n.in(0);
  Value above =
      n.builder.compare(x, n.builder.scalarLike(n.getFloat("threshold", 0), x), nn::CompareKind::gt);
  return n.builder.convert(above, n.getElement(x));
}

Results importScaler(Node &n) {
  Value x = toFloat(n, n.in(0));
  Value shifted = n.sub(x, getPerFeature(n, "offset", n.getFloats("offset"), x));
  return n.mul(shifted, getPerFeature(n, "scale", n.getFloats("scale"), x));
}

Results importNormalizer(Node &n) {
  Value x = toFloat(n, n.in(0));
  if (n.getRank(x) < 1 || n.getRank(x) > 2)
    throw ImportError("its input must be a vector or a matrix");
  const int64_t axis = n.getRank(x) - 1;
  const std::string kind = n.getString("norm", "MAX");
  Value norm;
  if (kind == "MAX")
    norm = n.builder.reduce(x, nn::ReduceKind::max, {axis}, true);
  else if (kind == "L1")
    norm = n.builder.reduce(n.make<nn::AbsOp>(x), nn::ReduceKind::sum, {axis}, true);
  else if (kind == "L2")
    norm = n.make<nn::SqrtOp>(n.builder.reduce(n.mul(x, x), nn::ReduceKind::sum, {axis}, true));
  else
    throw ImportError("norm '" + kind + "' is not supported");
  // A row of zeros stays one.
  Value isZero = n.builder.compare(norm, n.builder.scalarLike(0, x), nn::CompareKind::eq);
  return n.div(x, n.make<nn::SelectOp>(isZero, n.builder.scalarLike(1, x), norm));
}

Results importImputer(Node &n) {
  Value x = n.in(0), missing, values;
  if (n.isFloat(x)) {
    const double replaced = n.getFloat("replaced_value_float", 0);
    missing = std::isnan(replaced)
                  ? n.make<nn::IsNanOp>(x)
                  : n.builder.compare(x, n.builder.scalarLike(replaced, x), nn::CompareKind::eq);
    values = getPerFeature(n, "imputed_value_floats", n.getFloats("imputed_value_floats"), x);
  } else {
    SmallVector<int64_t> numbers = n.getInts("imputed_value_int64s");
    getPerFeature(n, "imputed_value_int64s", SmallVector<double>(numbers.begin(), numbers.end()), x);
    Value replaced = makeConstant<int64_t>(n, {n.getInt("replaced_value_int64", 0)}, n.getElement(x));
    missing = n.builder.compare(x, replaced, nn::CompareKind::eq);
    values = makeConstant<int64_t>(n, numbers, n.getElement(x));
  }
  return n.make<nn::SelectOp>(missing, values, x);
}

Results importFeatureVectorizer(Node &n) {
  SmallVector<int64_t> widths = n.getInts("inputdimensions");
  SmallVector<Value> parts;
  for (unsigned i = 0; i < n.getNumInputs(); ++i) {
    Value x = getMatrix(n, n.in(i));
    if (i < widths.size() && n.getStaticSize(x, 1, "the number of features") != widths[i])
      throw ImportError("inputdimensions does not fit input " + Twine(i));
    parts.push_back(x);
  }
  if (parts.empty())
    throw ImportError("it has no inputs");
  return n.builder.concat(parts, 1);
}

Results importOneHotEncoder(Node &n) {
  OpBuilder &b = n.builder.getBuilder();
  SmallVector<int64_t> categories = n.getInts("cats_int64s");
  if (categories.empty() && n.hasAttr("cats_strings"))
    throw ImportError("categories that are strings are not supported");
  if (categories.empty())
    throw ImportError("it has no categories");
  Value x = n.builder.convert(n.in(0), b.getI64Type());
  Value hot = n.builder.compare(n.builder.unsqueeze(x, {n.getRank(x)}),
                                makeConstant<int64_t>(n, categories, b.getI64Type()), nn::CompareKind::eq);
  return toFloat(n, hot);
}

/// One side of LabelEncoder's table: `name` is "keys" or "values".
Value getLabels(Node &n, const std::string &name) {
  OpBuilder &b = n.builder.getBuilder();
  if (const onnx::AttributeProto *tensor = n.getAttr(name + "_tensor")) {
    if (tensor->t().data_type() == onnx::TensorProto::STRING)
      throw ImportError(name + " that are strings are not supported");
    Value all = n.loader.load(tensor->t(), name);
    return n.builder.reshape(all, {n.math().product(n.getShape(all))});
  }
  if (n.hasAttr(name + "_int64s"))
    return makeConstant<int64_t>(n, n.getInts(name + "_int64s"), b.getI64Type());
  if (n.hasAttr(name + "_floats"))
    return makeConstant<double>(n, n.getFloats(name + "_floats"), b.getF32Type());
  throw ImportError(name + " that are strings are not supported");
}

/// The first position of a key that equals x picks from the values, or without one the default behind them.
Results importLabelEncoder(Node &n) {
  Value x = n.in(0), keys = getLabels(n, "keys"), values = getLabels(n, "values");
  if (n.getShape(keys) != n.getShape(values))
    throw ImportError("there are not as many values as keys");
  if (n.getElement(keys) != n.getElement(x))
    throw ImportError("the keys' type is not the input's");
  Type type = n.getElement(values), i32 = n.builder.getBuilder().getI32Type();
  Value otherwise;
  if (const onnx::AttributeProto *tensor = n.getAttr("default_tensor"))
    otherwise =
        n.builder.convert(n.builder.reshape(n.loader.load(tensor->t(), "default"), {n.constant(1)}), type);
  else if (n.isFloat(values))
    otherwise = makeConstant<double>(n, {n.getFloat("default_float", -0.0)}, type);
  else
    otherwise = makeConstant<int64_t>(n, {n.getInt("default_int64", -1)}, type);

  Value wide = n.builder.unsqueeze(x, {n.getRank(x)});
  Value equal = n.builder.compare(wide, keys, nn::CompareKind::eq);
  if (n.isFloat(x) && n.opset >= 4) // a NaN among the keys stands for all
    equal = n.make<nn::OrOp>(equal, n.make<nn::AndOp>(n.make<nn::IsNanOp>(wide), n.make<nn::IsNanOp>(keys)));
  const AffineExpr count = n.getShape(keys)[0];
  Value none = n.builder.convert(n.builder.sizes({count}, /*isScalar=*/true), i32);
  Value index = n.builder.reduce(n.make<nn::SelectOp>(equal, n.builder.iota({count}, 0, i32), none),
                                 nn::ReduceKind::min, {n.getRank(x)}, false);
  return n.make<nn::GatherOp>(n.builder.concat({values, otherwise}, 0), index, 0);
}

/// x times the rows of a list of coefficients, [N, F] to [N, count].
Value multiply(Node &n, Value x, StringRef name, int64_t count) {
  SmallVector<double> numbers = n.getFloats(name);
  const int64_t features = n.getStaticSize(x, 1, "the number of features");
  if (count < 1 || features < 1 || int64_t(numbers.size()) % features != 0 ||
      int64_t(numbers.size()) / features != count)
    throw ImportError("attribute '" + name + "' does not have a number per row and feature");
  Value rows = makeConstant<double>(n, numbers, n.getElement(x), {count, features});
  return n.make<nn::MatMulOp>(x, rows, false, true);
}

Value addIntercepts(Node &n, Value y) {
  SmallVector<double> numbers = n.getFloats("intercepts");
  return numbers.empty() ? y : n.add(y, getPerFeature(n, "intercepts", numbers, y));
}

Results importLinearRegressor(Node &n) {
  Value y = multiply(n, getMatrix(n, n.in(0)), "coefficients", n.getInt("targets", 1));
  return transformScores(n, addIntercepts(n, y));
}

/// A single score is the second class's, of two.
Results importLinearClassifier(Node &n) {
  OpBuilder &b = n.builder.getBuilder();
  Value x = getMatrix(n, n.in(0));
  const int64_t features = n.getStaticSize(x, 1, "the number of features");
  const int64_t rows = features > 0 ? int64_t(n.getFloats("coefficients").size()) / features : 0;
  SmallVector<int64_t> labels = n.getInts("classlabels_ints");
  const int64_t classes = std::max(labels.size(), n.getStrings("classlabels_strings").size());
  if (labels.empty() && n.wants(0))
    throw ImportError("class labels that are strings are not supported", "train with numbers as labels");
  if (classes != rows && !(rows == 1 && classes == 2))
    throw ImportError("it does not have a row of coefficients per class");
  Value scores = addIntercepts(n, multiply(n, x, "coefficients", rows));
  Value index;
  if (rows == 1) {
    Value positive = n.builder.compare(scores, n.builder.scalarLike(0, scores), nn::CompareKind::gt);
    index = n.builder.reshape(n.builder.convert(positive, b.getI64Type()), {n.getShape(scores)[0]});
    if (classes == 1)
      index = n.mul(index, 0);
  } else {
    index = n.make<nn::ArgReduceOp>(scores, true, 1, false, false);
  }
  if (rows == 1 && classes == 2) {
    if (n.getString("post_transform", "NONE") == "LOGISTIC")
      scores = n.make<nn::SigmoidOp>(n.builder.concat({n.make<nn::NegOp>(scores), scores}, 1));
    else
      scores = n.builder.concat({n.sub(n.builder.scalarLike(1, scores), scores), scores}, 1);
  } else {
    scores = transformScores(n, scores);
  }
  Value label;
  if (!labels.empty())
    label = n.make<nn::GatherOp>(makeConstant<int64_t>(n, labels, b.getI64Type()), index, 0);
  return {label, scores};
}

/// The kernel function of every row of x with every support vector, [N, count].
Value applyKernel(Node &n, Value x, int64_t count) {
  SmallVector<double> params = n.getFloats("kernel_params");
  params.resize(3, 0);
  const double gamma = params[0], offset = params[1], degree = params[2];
  const std::string kind = n.getString("kernel_type", "LINEAR");
  if (kind != "RBF") {
    Value y = multiply(n, x, "support_vectors", count);
    if (kind == "LINEAR")
      return y;
    y = n.add(n.mul(y, gamma), offset);
    if (kind == "SIGMOID")
      return n.make<nn::TanhOp>(y);
    if (kind == "POLY")
      return n.make<nn::PowOp>(y, n.builder.scalarLike(degree, y));
    throw ImportError("kernel_type '" + kind + "' is not supported");
  }
  SmallVector<double> numbers = n.getFloats("support_vectors");
  const int64_t features = n.getStaticSize(x, 1, "the number of features");
  if (features < 1 || int64_t(numbers.size()) % features != 0 || int64_t(numbers.size()) / features != count)
    throw ImportError("attribute 'support_vectors' does not have a number per vector and feature");
  Value vectors = makeConstant<double>(n, numbers, n.getElement(x), {count, features});
  Value distance = n.sub(n.builder.unsqueeze(x, {1}), vectors);
  Value square = n.builder.reduce(n.mul(distance, distance), nn::ReduceKind::sum, {2}, false);
  return n.make<nn::ExpOp>(n.mul(square, -gamma));
}

/// Without support vectors the coefficients are a linear model's.
Results importSvmRegressor(Node &n) {
  Value x = getMatrix(n, n.in(0));
  const int64_t count = n.getInt("n_supports", 0);
  SmallVector<double> rho = n.getFloats("rho"), coefficients = n.getFloats("coefficients");
  if (count < 0 || rho.empty())
    throw ImportError("n_supports is negative or rho is empty");
  Value y;
  if (count > 0) {
    if (int64_t(coefficients.size()) != count)
      throw ImportError("it needs a coefficient per support vector");
    Value column = makeConstant<double>(n, coefficients, n.getElement(x), {count, 1});
    y = n.make<nn::MatMulOp>(applyKernel(n, x, count), column, false, false);
  } else {
    y = multiply(n, x, "coefficients", 1);
  }
  y = n.add(y, rho[0]);
  if (n.getInt("one_class", 0)) {
    Value inside = n.builder.compare(y, n.builder.scalarLike(0, y), nn::CompareKind::gt);
    return n.make<nn::SelectOp>(inside, n.builder.scalarLike(1, y), n.builder.scalarLike(-1, y));
  }
  return transformScores(n, y);
}
} // namespace

void addMachineLearningOps(OpTable &t) {
  t.add(OpTable::machineLearning, "ArrayFeatureExtractor", 1, OpTable::anyOpset, importArrayFeatureExtractor);
  t.add(OpTable::machineLearning, "Binarizer", 1, OpTable::anyOpset, importBinarizer);
  t.add(OpTable::machineLearning, "Scaler", 1, OpTable::anyOpset, importScaler);
  t.add(OpTable::machineLearning, "Normalizer", 1, OpTable::anyOpset, importNormalizer);
  t.add(OpTable::machineLearning, "Imputer", 1, OpTable::anyOpset, importImputer);
  t.add(OpTable::machineLearning, "FeatureVectorizer", 1, OpTable::anyOpset, importFeatureVectorizer);
  t.add(OpTable::machineLearning, "OneHotEncoder", 1, OpTable::anyOpset, importOneHotEncoder);
  t.add(OpTable::machineLearning, "LabelEncoder", 1, OpTable::anyOpset, importLabelEncoder);
  t.add(OpTable::machineLearning, "LinearRegressor", 1, OpTable::anyOpset, importLinearRegressor);
  t.add(OpTable::machineLearning, "LinearClassifier", 1, OpTable::anyOpset, importLinearClassifier);
  t.add(OpTable::machineLearning, "SVMRegressor", 1, OpTable::anyOpset, importSvmRegressor);
}
} // namespace aicc::onnx_import

// Operators on 8-bit numbers beyond the standard's: most are an operator on the floats that the numbers stand
// for, its result quantized; products are sums of integers.

#include "frontends/onnx/ops/Microsoft.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

constexpr int64_t standardOpset = 17;

Type getF32(Node &n) { return n.builder.getBuilder().getF32Type(); }

/// A parameter that is a single number, as a scalar.
Value single(Node &n, Value parameter) { return n.builder.reshape(parameter, {}); }

/// The floats of input `index`, whose scale and (optional) zero point follow.
Value dequantize(Node &n, unsigned index) {
  Value x = n.builder.convert(n.in(index), getF32(n));
  if (n.has(index + 2))
    x = n.sub(x, n.builder.convert(single(n, n.in(index + 2)), getF32(n)));
  return n.mul(x, single(n, n.in(index + 1)));
}

/// `y` by the scale at input `index` and the (optional) zero point behind it, of type `type`.
Value quantize(Node &n, Value y, unsigned index, Type type) {
  Value zero = n.has(index + 1) ? single(n, n.in(index + 1)) : Value();
  return saturateQuantized(n, n.div(y, single(n, n.in(index))), zero, type);
}

template <typename OpTy> Results importBinary(Node &n) {
  return quantize(n, n.make<OpTy>(dequantize(n, 0), dequantize(n, 3)), 6, n.getElement(n.in(0)));
}

/// An operator of the standard's on floats with the attributes of this node.
Value onFloats(Node &n, const ImportFn &import, Value x, int64_t opset = standardOpset) {
  Node inner = n.with(opset, {x});
  return import(inner)[0];
}

/// Inputs x, scale, zero, scale and zero of the result.
ImportFn unary(std::function<Value(Node &, Value)> compute) {
  return [compute = std::move(compute)](Node &n) -> Results {
    return quantize(n, compute(n, dequantize(n, 0)), 3, n.getElement(n.in(0)));
  };
}

/// x as [N, C, ..] for `compute`, from [N, .., C] where the node says so.
Value inChannelsFirst(Node &n, Value x, const std::function<Value(Node &, Value)> &compute) {
  const int64_t rank = n.getRank(x);
  if (!n.getInt("channels_last", 0) || rank < 3)
    return compute(n, x);
  SmallVector<int64_t> first{0, rank - 1}, last{0};
  llvm::append_range(first, llvm::seq<int64_t>(1, rank - 1));
  llvm::append_range(last, llvm::seq<int64_t>(2, rank));
  last.push_back(1);
  return n.builder.transpose(compute(n, n.builder.transpose(x, first)), last);
}

/// Inputs scale and zero of the result, then x, scale, zero of each part.
Results importQLinearConcat(Node &n) {
  if (n.getNumInputs() < 5 || (n.getNumInputs() - 2) % 3)
    throw ImportError("its inputs are not two and three for each part");
  SmallVector<Value> parts;
  for (unsigned i = 2; i < n.getNumInputs(); i += 3)
    parts.push_back(dequantize(n, i));
  Value y = n.builder.concat(parts, n.getAxis(n.getInt("axis"), n.getRank(parts[0])));
  return quantize(n, y, 0, n.getElement(n.in(2)));
}

/// Inputs condition, x, scale, zero, y, scale, zero, scale and zero of the result.
Results importQLinearWhere(Node &n) {
  Value y = n.make<nn::SelectOp>(n.in(0), dequantize(n, 1), dequantize(n, 4));
  return quantize(n, y, 7, n.getElement(n.in(1)));
}

Results importQLinearReduceMean(Node &n) {
  Value x = dequantize(n, 0);
  SmallVector<int64_t> axes = n.getAxes(n.getInts("axes"), n.getRank(x));
  x = n.builder.reduce(x, nn::ReduceKind::mean, axes, n.getInt("keepdims", 1) != 0);
  return quantize(n, x, 3, n.getElement(n.in(0)));
}

/// The standard's softmax of the opset that an attribute names.
ImportFn softmaxLike(ImportFn old, ImportFn now) {
  return unary([old, now](Node &n, Value x) {
    const int64_t opset = n.getInt("opset", 13);
    return onFloats(n, opset < 13 ? old : now, x, opset < 13 ? 11 : 13);
  });
}

// ---- products ----

/// x - zero in i32; zero may be null.
Value center(Node &n, Value x, Value zero) {
  Type i32 = n.builder.getBuilder().getI32Type();
  x = n.builder.convert(x, i32);
  return zero ? n.sub(x, n.builder.convert(zero, i32)) : x;
}

/// One number, or one for each column.
Value perColumn(Node &n, Value parameter) {
  const bool isSingle = parameter && n.getRank(parameter) == 1 && n.getShape(parameter)[0] == n.constant(1);
  return isSingle ? single(n, parameter) : parameter;
}

/// The product of integers, exact in i32, times both scales.
Value multiplyScaled(Node &n, Value a, Value zeroA, Value scaleA, Value b, Value zeroB, Value scaleB) {
  Value sums = matmulLikeNumpy(n, center(n, a, zeroA ? perColumn(n, zeroA) : Value()),
                               center(n, b, zeroB ? perColumn(n, zeroB) : Value()));
  Value scale = n.mul(n.builder.convert(perColumn(n, scaleA), getF32(n)),
                      n.builder.convert(perColumn(n, scaleB), getF32(n)));
  return n.mul(n.builder.convert(sums, getF32(n)), scale);
}

/// Inputs a, b, scales of both, zero points of both, bias.
Results importMatMulIntegerToFloat(Node &n) {
  Value y = multiplyScaled(n, n.in(0), n.getOptional(4), n.in(2), n.in(1), n.getOptional(5), n.in(3));
  y = n.builder.convert(y, n.getElement(n.in(2)));
  return n.has(6) ? n.add(y, n.in(6)) : y;
}

/// Inputs a (float), b, its scale, its zero point, bias: a is quantized to uint8 by its range.
Results importDynamicQuantizeMatMul(Node &n) {
  Value a = n.in(0), zero = n.builder.scalarLike(0, a);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, n.getRank(a)));
  Value low = n.make<nn::MinOp>(n.builder.reduce(a, nn::ReduceKind::min, axes, false), zero);
  Value high = n.make<nn::MaxOp>(n.builder.reduce(a, nn::ReduceKind::max, axes, false), zero);
  Value scale = n.mul(n.sub(high, low), 1.0 / 255.0);
  scale = n.make<nn::SelectOp>(n.builder.compare(scale, zero, nn::CompareKind::eq),
                               n.builder.scalarLike(1, a), scale);
  Type byte = n.builder.getBuilder().getIntegerType(8, /*isSigned=*/false);
  Value zeroPoint = saturateQuantized(n, n.div(n.make<nn::NegOp>(low), scale), Value(), byte);
  Value codes = saturateQuantized(n, n.div(a, scale), zeroPoint, byte);
  Value y = multiplyScaled(n, codes, zeroPoint, scale, n.in(1), n.getOptional(3), n.in(2));
  return n.has(4) ? n.add(y, n.in(4)) : y;
}

/// Inputs a, scale, zero, b, scale, zero, c (int32, in units of both scales), scale and zero of the result.
Results importQGemm(Node &n) {
  Value a = n.in(0), b = n.in(3);
  if (n.getRank(a) != 2 || n.getRank(b) != 2)
    throw ImportError("A and B must be matrices");
  const bool transB = n.getInt("transB", 0) != 0;
  a = center(n, a, single(n, n.in(2)));
  b = center(n, transB ? n.builder.transpose(b, {1, 0}) : b, perColumn(n, n.in(5)));
  Value sums = n.make<nn::MatMulOp>(a, b, n.getInt("transA", 0) != 0, false);
  if (n.has(6))
    sums = n.add(sums, n.in(6));
  Value scale = n.mul(n.mul(single(n, n.in(1)), perColumn(n, n.in(4))), n.getFloat("alpha", 1));
  Value y = n.builder.convert(sums, getF32(n));
  if (!n.has(7))
    return n.mul(y, scale);
  Value ratio = n.div(scale, single(n, n.in(7)));
  if (!n.has(8))
    throw ImportError("the result's zero point is missing");
  return saturateQuantized(n, n.mul(y, ratio), single(n, n.in(8)), n.getElement(n.in(8)));
}

/// Inputs a, zero, b, zero: elementwise.
Results importMulInteger(Node &n) {
  auto centered = [&](unsigned index) {
    return center(n, n.in(index), n.has(index + 1) ? single(n, n.in(index + 1)) : Value());
  };
  return n.mul(centered(0), centered(2));
}

Results importReduceSumInteger(Node &n) {
  Value x = n.in(0);
  auto type = cast<IntegerType>(n.getElement(x));
  x = n.builder.convert(x, type.isUnsigned() ? Type(n.builder.getBuilder().getIntegerType(32, false))
                                             : Type(n.builder.getBuilder().getI32Type()));
  return n.builder.reduce(x, nn::ReduceKind::sum, n.getAxes(n.getInts("axes"), n.getRank(x)),
                          n.getInt("keepdims", 1) != 0);
}

/// Inputs x, weights, bias, scales of both, mask, zero points of both, past.
Results importQAttention(Node &n) {
  if (n.getRank(n.in(1)) != 2)
    throw ImportError("weights must have rank 2");
  AffineExpr third = n.math().divideExactly(n.getShape(n.in(1))[1], n.constant(3));
  if (!third)
    throw ImportError("the weights' columns are not three times as many as those of queries");
  Value qkv = multiplyScaled(n, n.in(0), n.getOptional(6), n.in(3), n.in(1), n.getOptional(7), n.in(4));
  qkv = n.add(n.builder.convert(qkv, n.getElement(n.in(2))), n.in(2));
  return attendPacked(n, qkv, {third, third, third}, n.getOptional(5), n.getOptional(8), Value());
}

/// An LSTM whose weights [D, I, 4 H] are stored in 8 bits: inputs as LSTM's, then scales and zero points of W
/// and R, [D] or [D, 4 H]. Activations stay floats.
ImportFn dynamicLstm(ImportFn lstm) {
  return [lstm = std::move(lstm)](Node &n) -> Results {
    auto weights = [&](unsigned index, unsigned parameters) {
      Value w = n.in(index);
      if (n.getRank(w) != 3)
        throw ImportError("weights must have rank 3");
      auto spread = [&](unsigned which) {
        SmallVector<AffineExpr> shape(n.getShape(n.in(which)));
        if (shape.empty() || shape.size() > 2)
          throw ImportError("scales and zero points must have rank 1 or 2");
        Value p = n.builder.convert(n.in(which), getF32(n));
        return n.builder.reshape(p, {shape[0], n.constant(1), shape.size() == 2 ? shape[1] : n.constant(1)});
      };
      w = n.sub(n.builder.convert(w, getF32(n)), spread(parameters + 1));
      return n.builder.transpose(n.mul(w, spread(parameters)), {0, 2, 1});
    };
    SmallVector<Value> inputs{n.in(0), weights(1, 8), weights(2, 10)};
    for (unsigned i = 3; i < 8; ++i)
      inputs.push_back(n.getOptional(i));
    Node inner = n.with(standardOpset, inputs);
    return lstm(inner);
  };
}

/// Inputs ids, segment ids, words, positions, segments, gamma, beta, mask, scales of the five, zero points.
Results importQEmbedLayerNormalization(Node &n) {
  auto number = [&](unsigned index, unsigned parameter) {
    Value x = n.builder.convert(n.in(index), getF32(n));
    x = n.sub(x, n.builder.convert(single(n, n.in(13 + parameter)), getF32(n)));
    return n.mul(x, single(n, n.in(8 + parameter)));
  };
  Value segments = n.has(4) ? number(4, 2) : Value();
  Node inner = n.with(1, {n.in(0), n.getOptional(1), number(2, 0), number(3, 1), segments, number(5, 3),
                          number(6, 4), n.getOptional(7)});
  return OpTable::get().find(OpTable::microsoft, "EmbedLayerNormalization", 1)->import(inner);
}
} // namespace

void addMicrosoftQuantizedOps(OpTable &t) {
  auto add = [&](StringRef op, ImportFn import) {
    t.add(OpTable::microsoft, op, 1, OpTable::anyOpset, std::move(import));
  };
  auto standard = [&](StringRef op, int64_t opset) { return t.find("", op, opset)->import; };
  for (StringRef op : {"QuantizeLinear", "DequantizeLinear"})
    add(op, [import = standard(op, 21)](Node &n) {
      Node inner = n.with(21, llvm::to_vector(n.getInputs()));
      return import(inner);
    });
  add("QLinearAdd", importBinary<nn::AddOp>);
  add("QLinearMul", importBinary<nn::MulOp>);
  add("QLinearSigmoid", unary([](Node &n, Value x) -> Value { return n.make<nn::SigmoidOp>(x); }));
  add("QLinearLeakyRelu", unary([](Node &n, Value x) -> Value {
        return n.make<nn::LeakyReluOp>(x, n.builder.f32(n.getFloat("alpha", 0.01)));
      }));
  for (StringRef op : {"AveragePool", "GlobalAveragePool"})
    add(("QLinear" + op).str(), unary([import = standard(op, standardOpset)](Node &n, Value x) {
          return inChannelsFirst(n, x, [&](Node &n, Value x) { return onFloats(n, import, x); });
        }));
  add("QLinearSoftmax", softmaxLike(standard("Softmax", 11), standard("Softmax", 13)));
  add("QLinearReduceMean", importQLinearReduceMean);
  add("QLinearConcat", importQLinearConcat);
  add("QLinearWhere", importQLinearWhere);
  add("QLinearConv", [import = standard("QLinearConv", standardOpset)](Node &n) -> Results {
    return inChannelsFirst(n, n.in(0), [&](Node &n, Value x) {
      SmallVector<Value> inputs(n.getInputs());
      inputs[0] = x;
      Node inner = n.with(standardOpset, inputs);
      return import(inner)[0];
    });
  });
  add("MatMulIntegerToFloat", importMatMulIntegerToFloat);
  add("DynamicQuantizeMatMul", importDynamicQuantizeMatMul);
  add("QGemm", importQGemm);
  add("MulInteger", importMulInteger);
  add("ReduceSumInteger", importReduceSumInteger);
  add("MatMulInteger16", [](Node &n) -> Results {
    return matmulLikeNumpy(n, center(n, n.in(0), Value()), center(n, n.in(1), Value()));
  });
  add("DynamicQuantizeLSTM", dynamicLstm(standard("LSTM", standardOpset)));
  add("QAttention", importQAttention);
  add("QEmbedLayerNormalization", importQEmbedLayerNormalization);
}
} // namespace aicc::onnx_import

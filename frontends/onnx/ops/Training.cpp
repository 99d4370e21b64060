// Optimizers of ai.onnx.preview.training: one step of a model's parameters, which is elementwise arithmetic.

#include "frontends/onnx/Node.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

/// Inputs: the learning rate, the number of updates before, then groups of as many tensors as there are
/// parameters: parameters, gradients, states. `step` gets one of each, its rate and count in the parameter's
/// type, and returns the new parameter and states; the results are grouped the same way.
template <typename StepFn> Results importOptimizer(Node &n, unsigned groups, StepFn step) {
  if (n.getNumInputs() < 2 + groups || (n.getNumInputs() - 2) % groups != 0)
    throw ImportError("its inputs are not the rate, the count and " + Twine(groups) +
                      " tensors per parameter");
  const unsigned count = (n.getNumInputs() - 2) / groups;
  SmallVector<SmallVector<Value>> all;
  for (unsigned i = 0; i < count; ++i) {
    Value x = n.in(2 + i);
    if (!n.isFloat(x))
      throw ImportError("a parameter is not of a float type");
    SmallVector<Value> own;
    for (unsigned group = 0; group < groups; ++group)
      own.push_back(n.in(2 + group * count + i));
    auto number = [&](unsigned index) {
      return n.builder.convert(n.builder.reshape(n.in(index), {}), n.getElement(x));
    };
    Value gradient = n.add(n.mul(x, n.getFloat("norm_coefficient", 0)), own[1]);
    if (n.getFloat("norm_coefficient", 0) == 0)
      gradient = own[1];
    own[1] = gradient;
    all.push_back(step(own, number(0), number(1)));
  }
  Results results;
  for (unsigned group = 0; group + 1 < groups; ++group)
    for (const SmallVector<Value> &one : all)
      results.push_back(one[group]);
  return results;
}

/// Duchi et al., 2011.
Results importAdagrad(Node &n) {
  return importOptimizer(n, 3, [&](ArrayRef<Value> in, Value rate, Value count) {
    Value x = in[0], gradient = in[1];
    rate = n.div(rate, n.add(n.mul(count, n.getFloat("decay_factor", 0)), 1));
    Value squares = n.add(in[2], n.mul(gradient, gradient));
    Value root = n.add(n.make<nn::SqrtOp>(squares), n.getFloat("epsilon", 1e-6));
    return SmallVector<Value>{n.sub(x, n.div(n.mul(rate, gradient), root)), squares};
  });
}

/// Kingma and Ba, 2014.
Results importAdam(Node &n) {
  const double alpha = n.getFloat("alpha", 0.9), beta = n.getFloat("beta", 0.999);
  return importOptimizer(n, 4, [&](ArrayRef<Value> in, Value rate, Value count) {
    Value x = in[0], gradient = in[1];
    Value mean = n.add(n.mul(in[2], alpha), n.mul(gradient, 1 - alpha));
    Value squares = n.add(n.mul(in[3], beta), n.mul(n.mul(gradient, gradient), 1 - beta));
    Value root = n.add(n.make<nn::SqrtOp>(squares), n.getFloat("epsilon", 1e-6));
    auto missing = [&](double base) {
      Value power = n.make<nn::PowOp>(n.builder.scalarLike(base, x), count);
      return n.sub(n.builder.scalarLike(1, x), power);
    };
    Value adjusted = n.div(n.mul(rate, n.make<nn::SqrtOp>(missing(beta))), missing(alpha));
    Value later = n.builder.compare(count, n.builder.scalarLike(0, x), nn::CompareKind::gt);
    rate = n.make<nn::SelectOp>(later, adjusted, rate);
    Value y = n.sub(x, n.div(n.mul(rate, mean), root));
    return SmallVector<Value>{n.mul(y, 1 - n.getFloat("norm_coefficient_post", 0)), mean, squares};
  });
}

Results importMomentum(Node &n) {
  const std::string mode = n.getString("mode", "standard");
  if (mode != "standard" && mode != "nesterov")
    throw ImportError("mode is neither standard nor nesterov");
  const double alpha = n.getFloat("alpha"), beta = n.getFloat("beta");
  return importOptimizer(n, 3, [&](ArrayRef<Value> in, Value rate, Value count) {
    Value x = in[0], gradient = in[1];
    Value later = n.builder.compare(count, n.builder.scalarLike(0, x), nn::CompareKind::gt);
    Value weight = n.make<nn::SelectOp>(later, n.builder.scalarLike(beta, x), n.builder.scalarLike(1, x));
    Value momentum = n.add(n.mul(in[2], alpha), n.mul(weight, gradient));
    Value direction = mode == "standard" ? momentum : n.add(gradient, n.mul(momentum, alpha));
    return SmallVector<Value>{n.sub(x, n.mul(rate, direction)), momentum};
  });
}
} // namespace

void addTrainingOps(OpTable &t) {
  t.add(OpTable::training, "Adagrad", 1, OpTable::anyOpset, importAdagrad);
  t.add(OpTable::training, "Adam", 1, OpTable::anyOpset, importAdam);
  t.add(OpTable::training, "Momentum", 1, OpTable::anyOpset, importMomentum);
}
} // namespace aicc::onnx_import

// One node of an ONNX graph under import, as the importers of operators see it: inputs as values, attributes
// with defaults, and errors. And the table those importers are entered in.

#ifndef AICC_FRONTENDS_ONNX_NODE_H
#define AICC_FRONTENDS_ONNX_NODE_H

#include "frontends/onnx/GraphBuilder.h"
#include "frontends/onnx/TensorLoader.h"
#include <functional>
#include <map>
#include <onnx/onnx_pb.h>

namespace aicc::onnx_import {

/// Results of a node, in order; null for an output that nobody asked for.
struct Results : SmallVector<Value, 2> {
  Results() = default;
  Results(Value value) { push_back(value); }
  Results(std::initializer_list<Value> values) : SmallVector<Value, 2>(values) {}
  Results(const SmallVector<Value> &values) : SmallVector<Value, 2>(values.begin(), values.end()) {}
};

/// Attributes of a function call under the names that the function's body refers to.
using AttributeBindings = llvm::StringMap<const onnx::AttributeProto *>;

class Node {
public:
  Node(GraphBuilder &builder, TensorLoader &loader, const onnx::NodeProto &proto, int64_t opset,
       SmallVector<Value> inputs, const AttributeBindings *bindings)
      : builder(builder), loader(loader), proto(proto), opset(opset), inputs(std::move(inputs)),
        bindings(bindings) {}

  GraphBuilder &builder;
  TensorLoader &loader;
  const onnx::NodeProto &proto;
  const int64_t opset;

  // Inputs and outputs.
  unsigned getNumInputs() const { return inputs.size(); }
  bool has(unsigned index) const { return index < inputs.size() && inputs[index]; }
  /// Throws if the node does not have it.
  Value in(unsigned index) const;
  Value getOptional(unsigned index) const { return has(index) ? inputs[index] : Value(); }
  ArrayRef<Value> getInputs() const { return inputs; }
  unsigned getNumOutputs() const { return proto.output_size(); }
  bool wants(unsigned index) const {
    return int(index) < proto.output_size() && !proto.output(index).empty();
  }

  // Sizes and types.
  ArrayRef<AffineExpr> getShape(Value value) const { return builder.getShape(value); }
  int64_t getRank(Value value) const { return builder.getRank(value); }
  Type getElement(Value value) const { return builder.getElement(value); }
  bool isFloat(Value value) const { return llvm::isa<mlir::FloatType>(getElement(value)); }
  SizeMath &math() const { return builder.getMath(); }
  AffineExpr constant(int64_t value) const { return math().constant(value); }
  /// A dimension that must be known at compile time.
  int64_t getStaticSize(Value value, int64_t dim, const Twine &what) const;
  /// `axis` counted from the front; throws if it is outside [-rank, rank).
  int64_t getAxis(int64_t axis, int64_t rank) const;
  SmallVector<int64_t> getAxes(ArrayRef<int64_t> axes, int64_t rank) const;

  /// Integers as sizes; see GraphBuilder::bindSizes.
  SmallVector<AffineExpr> getSizes(unsigned index, const Twine &what) const;
  // Inputs that must be constant. `what` names them in the error.
  SmallVector<int64_t> getConstantInts(unsigned index, const Twine &what) const;
  SmallVector<double> getConstantDoubles(unsigned index, const Twine &what) const;
  int64_t getConstantInt(unsigned index, const Twine &what) const;
  double getConstantDouble(unsigned index, const Twine &what) const;
  /// Axes as an attribute or, from an opset on, as input `index`; nullopt if the node has neither.
  std::optional<SmallVector<int64_t>> getAxesAttrOrInput(unsigned index) const;

  // Attributes. A reference to an attribute of the enclosing function is resolved.
  const onnx::AttributeProto *getAttr(StringRef name) const;
  bool hasAttr(StringRef name) const { return getAttr(name); }
  int64_t getInt(StringRef name, int64_t otherwise) const;
  int64_t getInt(StringRef name) const;
  double getFloat(StringRef name, double otherwise) const;
  double getFloat(StringRef name) const;
  std::string getString(StringRef name, StringRef otherwise) const;
  SmallVector<int64_t> getInts(StringRef name) const;
  SmallVector<int64_t> getInts(StringRef name, int64_t count, int64_t otherwise) const;
  SmallVector<double> getFloats(StringRef name) const;
  SmallVector<std::string> getStrings(StringRef name) const;
  /// The element type that an integer attribute names.
  Type getType(int64_t onnxType) const;

  /// The same node with other inputs, read at an opset: for operators that are others in disguise.
  Node with(int64_t otherOpset, SmallVector<Value> otherInputs) const {
    return Node(builder, loader, proto, otherOpset, std::move(otherInputs), bindings);
  }

  /// An operation at this node; see GraphBuilder::make.
  template <typename OpTy, typename... Args> Value make(Args &&...args) {
    return builder.make<OpTy>(std::forward<Args>(args)...);
  }

  // Arithmetic with a number, of the value's element type.
  Value add(Value a, Value b) { return make<nn::AddOp>(a, b); }
  Value sub(Value a, Value b) { return make<nn::SubOp>(a, b); }
  Value mul(Value a, Value b) { return make<nn::MulOp>(a, b); }
  Value div(Value a, Value b) { return make<nn::DivOp>(a, b); }
  Value add(Value a, double b) { return b == 0 ? a : add(a, builder.scalarLike(b, a)); }
  Value mul(Value a, double b) { return b == 1 ? a : mul(a, builder.scalarLike(b, a)); }

  /// Throws if one of the outputs from `first` on is used.
  void refuseOutputs(unsigned first, const Twine &why) const;

private:
  SmallVector<Value> inputs;
  const AttributeBindings *bindings;
};

/// Thrown by an importer that covers the usual case only: the standard's function body takes over.
struct UseFunctionBody {};

using ImportFn = std::function<Results(Node &)>;

/// Which function imports an operator of a domain at an opset.
class OpTable {
public:
  struct Entry {
    int64_t minOpset, maxOpset;
    ImportFn import;
  };
  static constexpr int64_t anyOpset = INT64_MAX;
  static constexpr const char *microsoft = "com.microsoft";
  static constexpr const char *machineLearning = "ai.onnx.ml";
  static constexpr const char *training = "ai.onnx.preview.training";

  /// Operators of the standard domain; `first` and `last` are opsets of the model, not versions of the
  /// operator.
  void add(StringRef op, ImportFn import) { add("", op, 1, anyOpset, std::move(import)); }
  void add(StringRef op, int64_t first, int64_t last, ImportFn import) {
    add("", op, first, last, std::move(import));
  }
  void add(StringRef domain, StringRef op, int64_t first, int64_t last, ImportFn import);

  const Entry *find(StringRef domain, StringRef op, int64_t opset) const;
  /// True if there is an entry at another opset.
  bool hasOtherOpset(StringRef domain, StringRef op) const;
  const std::map<std::pair<std::string, std::string>, std::vector<Entry>> &getEntries() const {
    return entries;
  }

  /// All operators, entered once.
  static const OpTable &get();

private:
  std::map<std::pair<std::string, std::string>, std::vector<Entry>> entries;
};

// The families, a file each in ops/.
/// Forms of opsets 1 to 6; first, because the others have no lower end.
void addLegacyOps(OpTable &table);
void addElementwiseOps(OpTable &table);
void addViewOps(OpTable &table);
void addIndexingOps(OpTable &table);
/// NonZero and its like, whose results are as large as the data say.
void addSelectionOps(OpTable &table);
void addReductionOps(OpTable &table);
void addMatMulOps(OpTable &table);
void addEinsumOps(OpTable &table);
void addConvolutionOps(OpTable &table);
void addPoolingOps(OpTable &table);
void addNormalizationOps(OpTable &table);
void addResizeOps(OpTable &table);
void addRecurrentOps(OpTable &table);
void addGeneratorOps(OpTable &table);
void addAttentionOps(OpTable &table);
void addQuantizationOps(OpTable &table);
void addRandomOps(OpTable &table);
void addTrainingOps(OpTable &table);
void addTextOps(OpTable &table);
// ai.onnx.ml
void addMachineLearningOps(OpTable &table);
void addTreeOps(OpTable &table);
void addSpatialOps(OpTable &table);
void addSignalOps(OpTable &table);
// com.microsoft; after the standard domain's, some of which they are under another name.
void addMicrosoftFusedOps(OpTable &table);
void addMicrosoftAttentionOps(OpTable &table);
void addMicrosoftWeightOps(OpTable &table);
void addMicrosoftQuantizedOps(OpTable &table);

// Shared by families.
/// Slice semantics of `starts`, `ends`, `axes` (or 0, 1, ...), `steps`, with clamping as numpy does where
/// sizes are known.
Value sliceLikeNumpy(Node &node, Value input, ArrayRef<AffineExpr> starts, ArrayRef<AffineExpr> ends,
                     ArrayRef<int64_t> axes, ArrayRef<int64_t> steps);
/// Matrix product of tensors of any rank, as numpy's matmul.
Value matmulLikeNumpy(Node &node, Value lhs, Value rhs);
/// saturate(round(y) + zero) of a quotient y, as QuantizeLinear ends; `zero` may be null. Floats of 8 bits
/// take no zero point, and saturate only if they should.
Value saturateQuantized(Node &node, Value y, Value zero, Type type, bool saturate = true);
/// Uniform random numbers in [0, 1), of a float type, by the node's seed or name (Random.cpp).
Value makeUniform(Node &node, ArrayRef<AffineExpr> shape, Type type);
/// Whether a tensor of per-channel numbers broadcasts as it is, or along dimension 1.
Value alignSlope(Node &node, Value x, Value slope);
/// `scores` [N, K] as ai.onnx.ml's `post_transform` has them.
Value transformScores(Node &node, Value scores);
/// x as [C, 1, 1, ...]: broadcasts along dimension `axis` of something of rank `rank`.
Value alongAxis(Node &node, Value x, int64_t axis, int64_t rank);

} // namespace aicc::onnx_import

#endif

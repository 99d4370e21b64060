// The walk over a model's graph: inputs and their symbols, scopes, functions, branches, and the collection of
// everything that cannot be imported.

#ifndef AICC_FRONTENDS_ONNX_IMPORTER_H
#define AICC_FRONTENDS_ONNX_IMPORTER_H

#include "frontends/onnx/Import.h"
#include "frontends/onnx/Node.h"
#include "llvm/ADT/StringSet.h"
#include <onnx/defs/schema.h>

namespace aicc::onnx_import {

/// The rank of a tensor that a module can describe.
inline constexpr int kMaxRank = 64;
/// Functions can call functions that call functions: without limits a small file is an endless graph.
inline constexpr unsigned kMaxCallDepth = 48;

/// Thrown where problems within a graph have been reported: the node has no more to say.
struct BodyFailed {};

/// What a name stands for while a model is imported: a tensor, a sequence, or an optional without a value.
/// (An optional with a value is that value.) Sequences exist here only: their lengths are known.
struct Item {
  Value value;
  std::shared_ptr<const std::vector<Item>> list;
  bool isNone = false;

  Item() = default;
  Item(Value value) : value(value) {}
  static Item makeList(std::vector<Item> items) {
    Item item;
    item.list = std::make_shared<const std::vector<Item>>(std::move(items));
    return item;
  }
  static Item makeNone() {
    Item item;
    item.isNone = true;
    return item;
  }
  explicit operator bool() const { return value || list || isNone; }
  bool isTensor() const { return bool(value); }
};

/// Results of a node, in order.
struct Items : SmallVector<Item, 2> {
  Items() = default;
  Items(Item item) { push_back(std::move(item)); }
  Items(const Results &results) : SmallVector<Item, 2>(results.begin(), results.end()) {}
};

/// Imports one parsed model. `bytes` and `path` are what payloads cut out by the wire scan refer to.
class Importer {
public:
  Importer(mlir::MLIRContext &context, const onnx::ModelProto &model, ArrayRef<char> bytes, StringRef path,
           const ImportOptions &options, llvm::SmallVectorImpl<Problem> &problems);
  /// Null, with problems added, on failure.
  mlir::OwningOpRef<mlir::ModuleOp> run();

private:
  /// What a name of a graph stands for.
  struct Binding {
    Value value;                               ///< null until loaded, or where `failed`
    const onnx::TensorProto *tensor = nullptr; ///< initializer that nobody has read yet
    bool failed = false;                       ///< a problem has been reported for it
    Item other = {};                           ///< if it is not a tensor
  };
  /// A graph's or a function body's names. Subgraphs see those around them, functions do not.
  struct Scope {
    const Scope *parent = nullptr;
    mutable llvm::StringMap<Binding> values;
    const llvm::StringMap<int64_t> *opsets = nullptr;
    const AttributeBindings *attributes = nullptr;
    std::string path; ///< of the calls that lead here, for names
    unsigned depth = 0;
  };
  /// What one iteration of a loop gives; no `condition`: go on.
  struct Iteration {
    Value condition;
    SmallVector<Value> carried, scans;
  };
  using ImportIteration = std::function<Iteration(Value iteration, ArrayRef<Value> carried)>;

  void importInputs(Scope &scope);
  AffineExpr getDim(const onnx::TensorShapeProto_Dimension &dim, const Twine &unnamed);
  AffineExpr getSymbol(StringRef name);
  void addInitializers(const onnx::GraphProto &graph, Scope &scope);
  void importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes, Scope &scope);
  void importNode(const onnx::NodeProto &proto, Scope &scope);
  /// Dispatches to the table, a function or a branch. Empty if problems were reported inside. Throws
  /// ImportError.
  Items importOp(const onnx::NodeProto &proto, StringRef domain, int64_t opset, ArrayRef<Item> inputs,
                 Scope &scope);
  Items importFunction(const onnx::FunctionProto &function, Node &node, ArrayRef<Item> inputs,
                       const onnx::OpSchema *schema, Scope &scope);
  Items importFunctionBody(const onnx::OpSchema &schema, Node &node, ArrayRef<Item> inputs, Scope &scope);

  // Control flow (ImportControl.cpp).
  Items importIf(Node &node, Scope &scope);
  Items importLoop(Node &node, ArrayRef<Item> inputs, Scope &scope);
  Items importScan(Node &node, Scope &scope);
  /// The node's graph attribute.
  const onnx::GraphProto &getGraph(Node &node, StringRef attribute);
  /// Imports a graph whose inputs stand for `inputs`, at the builder's place. Throws BodyFailed where it
  /// reported.
  Items importGraph(const onnx::GraphProto &graph, ArrayRef<Item> inputs, Scope &scope);
  Items branch(Node &node, Value condition, const onnx::GraphProto &then, const onnx::GraphProto &otherwise,
               Scope &scope);
  /// An nn.loop. `trip` counts iterations (null: no limit), `condition` is asked before the first (null:
  /// yes).
  SmallVector<Value> makeLoop(Value trip, Value condition, ArrayRef<Value> inits,
                              const ImportIteration &import);
  Items unrollLoop(Node &node, const onnx::GraphProto &body, ArrayRef<Item> inputs, Scope &scope);
  Results scan(Node &node, const onnx::GraphProto &body, ArrayRef<Value> inputs, bool isBatched,
               Scope &scope);
  std::optional<int64_t> getNumber(Value value);

  // Sequences and optionals (ImportSequences.cpp).
  static bool isSequenceOp(StringRef domain, StringRef op);
  Items importSequenceOp(Node &node, ArrayRef<Item> inputs, Scope &scope);
  bool isSupported(const onnx::NodeProto &proto, StringRef domain, int64_t opset) const;
  void finish(Scope &scope);

  Binding *find(StringRef name, const Scope &scope);
  /// What a name stands for; nothing if it has failed before. Throws if there is no such name.
  Item getItem(StringRef name, const Scope &scope);
  /// The tensor of a name; null if it has failed before. Throws if there is no such name.
  Value getValue(StringRef name, const Scope &scope);

  void report(const onnx::NodeProto &proto, const Scope &scope, int64_t opset, ArrayRef<Value> inputs,
              const ImportError &error);
  void report(const Twine &reason, const Twine &hint = "");
  std::string describe(Value value);
  std::string getName(const onnx::NodeProto &proto, const Scope &scope) const;
  mlir::Location getLocation(StringRef name) const;

  mlir::MLIRContext &context;
  const onnx::ModelProto &model;
  const ImportOptions &options;
  llvm::SmallVectorImpl<Problem> &problems;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// Regions that were imported in vain: no other value may take the place of one that the builder knows.
  std::vector<std::unique_ptr<mlir::Region>> parked;
  /// Sizes that iterations of a loop, by its node's name, have turned out to change: carried value,
  /// dimension. So that loops in loops are not tried over and over.
  std::map<std::string, std::vector<std::pair<size_t, size_t>>> changedSizes;
  mlir::func::FuncOp func;
  std::unique_ptr<GraphBuilder> builder;
  std::unique_ptr<TensorLoader> loader;
  ArrayRef<char> bytes;
  std::string path;
  llvm::StringMap<int64_t> opsets;
  SmallVector<std::string> argumentNames;
  llvm::StringMap<AffineExpr> symbols;
  llvm::StringSet<> dimsUsed;
  std::map<std::string, const onnx::FunctionProto *> functions;
  uint64_t nodesImported = 0;
};

} // namespace aicc::onnx_import

#endif

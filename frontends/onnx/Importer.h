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

  void importInputs(Scope &scope);
  AffineExpr getDim(const onnx::TensorShapeProto_Dimension &dim, const Twine &unnamed);
  AffineExpr getSymbol(StringRef name);
  void addInitializers(const onnx::GraphProto &graph, Scope &scope);
  void importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes, Scope &scope);
  void importNode(const onnx::NodeProto &proto, Scope &scope);
  /// Dispatches to the table, a function or a branch. Empty if problems were reported inside. Throws
  /// ImportError.
  Results importOp(const onnx::NodeProto &proto, StringRef domain, int64_t opset, SmallVector<Value> inputs,
                   Scope &scope);
  Results importIf(Node &node, Scope &scope);
  Results importFunction(const onnx::FunctionProto &function, Node &node, const onnx::OpSchema *schema,
                         Scope &scope);
  Results importFunctionBody(const onnx::OpSchema &schema, Node &node, Scope &scope);
  bool isSupported(const onnx::NodeProto &proto, StringRef domain, int64_t opset) const;
  void finish(Scope &scope);

  Binding *find(StringRef name, const Scope &scope);
  /// The value of a name; null if it has failed before. Throws if there is no such name.
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

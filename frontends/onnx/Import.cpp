// Entry points: files and bytes in, modules or problems out. Every exception ends here at the latest.

#include "frontends/onnx/Import.h"
#include "frontends/onnx/Importer.h"
#include "frontends/onnx/WireScan.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/MemoryBuffer.h"
#include <onnx/defs/parser.h>

using namespace mlir;

namespace aicc::onnx_import {

/// Payloads from this size on are not given to protobuf.
static constexpr uint64_t payloadLimit = 1024;

static void addProblem(llvm::SmallVectorImpl<Problem> &problems, const Twine &reason,
                       const Twine &hint = "") {
  Problem problem;
  problem.reason = reason.str();
  problem.hint = hint.str();
  problems.push_back(std::move(problem));
}

std::string toString(const Problem &problem) {
  std::string text;
  if (!problem.op.empty()) {
    text = "node '" + problem.node + "' (" + (problem.domain.empty() ? "" : problem.domain + ".") +
           problem.op + ", opset " + std::to_string(problem.opset);
    if (!problem.shapes.empty())
      text += ", inputs " + problem.shapes;
    text += "): ";
  }
  text += problem.reason;
  if (!problem.hint.empty())
    text += "; " + problem.hint;
  return text;
}

static OwningOpRef<ModuleOp> importModel(MLIRContext &context, const onnx::ModelProto &model,
                                         ArrayRef<char> bytes, StringRef path, const ImportOptions &options,
                                         llvm::SmallVectorImpl<Problem> &problems) {
  OwningOpRef<ModuleOp> module = Importer(context, model, bytes, path, options, problems).run();
  if (module && failed(verify(*module))) {
    addProblem(problems, "the imported model is malformed: this is a bug of aicc");
    return {};
  }
  return module;
}

static OwningOpRef<ModuleOp> importText(MLIRContext &context, StringRef text, StringRef path,
                                        const ImportOptions &options,
                                        llvm::SmallVectorImpl<Problem> &problems) {
  onnx::ModelProto model;
  onnx::Common::Status status = onnx::OnnxParser::Parse(model, text.str().c_str());
  if (!status.IsOK()) {
    addProblem(problems, "not ONNX text: " + status.ErrorMessage());
    return {};
  }
  return importModel(context, model, {}, path, options, problems);
}

static OwningOpRef<ModuleOp> importBytes(MLIRContext &context, ArrayRef<char> bytes, StringRef path,
                                         const ImportOptions &options,
                                         llvm::SmallVectorImpl<Problem> &problems) {
  llvm::Expected<std::string> reduced = cutPayloads(bytes, payloadLimit);
  if (!reduced) {
    addProblem(problems, "not an ONNX model: " + llvm::toString(reduced.takeError()));
    return {};
  }
  if (reduced->size() > INT32_MAX) {
    addProblem(problems, "the graph alone, without weights, is beyond 2 GB");
    return {};
  }
  onnx::ModelProto model;
  if (!model.ParseFromArray(reduced->data(), int(reduced->size()))) {
    addProblem(problems, "not an ONNX model: the file is damaged");
    return {};
  }
  std::string().swap(*reduced);
  return importModel(context, model, bytes, path, options, problems);
}

OwningOpRef<ModuleOp> importOnnxBytes(MLIRContext &context, ArrayRef<char> bytes, StringRef path,
                                      const ImportOptions &options,
                                      llvm::SmallVectorImpl<Problem> &problems) {
  context.loadDialect<nn::NNDialect, func::FuncDialect>();
  try {
    if (path.ends_with(".onnxtxt"))
      return importText(context, StringRef(bytes.data(), bytes.size()), path, options, problems);
    return importBytes(context, bytes, path, options, problems);
  } catch (const ImportError &error) {
    addProblem(problems, error.reason, error.hint);
  } catch (const std::exception &error) {
    addProblem(problems, Twine("the model cannot be read: ") + error.what());
  }
  return {};
}

OwningOpRef<ModuleOp> importOnnx(MLIRContext &context, StringRef path, const ImportOptions &options,
                                 llvm::SmallVectorImpl<Problem> &problems) {
  // Mapped, not read: weights of any size stay in the page cache.
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file) {
    addProblem(problems, "cannot read '" + path + "': " + file.getError().message());
    return {};
  }
  StringRef buffer = (*file)->getBuffer();
  return importOnnxBytes(context, ArrayRef(buffer.data(), buffer.size()), path, options, problems);
}

llvm::SmallVector<SupportedOp> getSupportedOps() {
  llvm::SmallVector<SupportedOp> result;
  for (const auto &[name, entries] : OpTable::get().getEntries())
    for (const OpTable::Entry &entry : entries)
      result.push_back({name.first, name.second, entry.minOpset, entry.maxOpset});
  return result;
}

bool hasFunctionBody(StringRef domain, StringRef op, int64_t opset) {
  const onnx::OpSchema *schema = onnx::OpSchemaRegistry::Schema(op.str(), int(opset), domain.str());
  return schema && (schema->HasFunction() || schema->HasContextDependentFunction());
}
} // namespace aicc::onnx_import

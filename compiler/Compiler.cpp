// The phases in order, from a model file to a module. See aicc/Compiler.h.

#include "aicc/InitAll.h"
#include "compiler/Compilation.h"
#include "compiler/Emit.h"
#include "dialects/exe/Exe.h"
#include "dialects/nn/NN.h"
#include "dialects/rt/Rt.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/dispatch/Passes.h"
#include "passes/program/Passes.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace aicc {

const std::vector<std::string> &getPhases() {
  static const std::vector<std::string> phases = {"import", "graph",   "dispatch",
                                                  "kernel", "program", "module"};
  return phases;
}

Compilation::Compilation(const CompileOptions &options)
    : options(options), threads(options.threads ? options.threads : getAvailableThreads()),
      context(MLIRContext::Threading::DISABLED), diagnostics(context) {
  DialectRegistry registry;
  registerAllDialects(registry);
  context.appendDialectRegistry(registry);
  context
      .loadDialect<nn::NNDialect, exe::ExeDialect, rt::RtDialect, func::FuncDialect, arith::ArithDialect>();
  if (threads > 1) {
    pool = std::make_unique<llvm::StdThreadPool>(llvm::hardware_concurrency(threads));
    context.setThreadPool(*pool);
  }
}

LogicalResult Compilation::fail(CompileStatus status, const Twine &message) {
  result.status = status;
  result.errors.push_back(message.str());
  return failure();
}

void Compilation::beginPhase(const char *name) {
  phase = name;
  watch.restart();
  setCurrentPhase(name);
  if (options.progress)
    options.progress(phase, 0);
}

bool Compilation::endPhase(ArrayRef<std::pair<std::string, ModuleOp>> modules) {
  result.phases.push_back({phase, watch.seconds(), getPeakMemory()});
  bool stops = options.compileTo == phase;
  OpPrintingFlags flags;
  flags.enableDebugInfo(false);
  if (phase == "kernel" || phase == "program")
    flags.elideLargeElementsAttrs(256);
  auto print = [&](ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream os(text);
    module.print(os, flags);
    return text + "\n";
  };
  for (auto &[name, module] : modules) {
    if (stops)
      result.text += (name.empty() ? "" : "// " + name + "\n") + print(module);
    if (!options.dumpDir.empty()) {
      std::string file =
          std::to_string(result.phases.size()) + "-" + phase + (name.empty() ? "" : "-" + name) + ".mlir";
      std::replace(file.begin(), file.end(), ':', '-');
      if (std::string error = writeTextFile(options.dumpDir + "/" + file, print(module)); !error.empty())
        result.warnings.push_back(error);
    }
  }
  return stops;
}

bool Compilation::endPhase() {
  SmallVector<std::pair<std::string, ModuleOp>> modules;
  for (Program &program : programs)
    modules.push_back({program.instance->getName(), *program.module});
  return endPhase(modules);
}

LogicalResult Compilation::validate() {
  if (!options.compileTo.empty() && !llvm::is_contained(getPhases(), options.compileTo))
    return fail(CompileStatus::UsageError, "there is no phase '" + options.compileTo +
                                               "'; phases are: " + llvm::join(getPhases(), ", "));
  registerAllTargets();
  auto created = createInstances(options.targets);
  llvm::append_range(result.warnings, getTargetPluginErrors());
  if (!created)
    return fail(CompileStatus::UsageError, llvm::toString(created.takeError()));
  instances = std::move(*created);
  if (!options.dumpDir.empty())
    if (std::error_code error = llvm::sys::fs::create_directories(options.dumpDir))
      return fail(CompileStatus::ModelError,
                  "cannot make the folder '" + options.dumpDir + "': " + error.message());
  return success();
}

//===--- import
//--------------------------------------------------------------------------------------------------------===//

OwningOpRef<ModuleOp> Compilation::importOnnx() {
  onnx_import::ImportOptions importOptions;
  for (const DimBounds &dim : options.dims)
    importOptions.dims[dim.name] = {dim.min, dim.max};
  SmallVector<onnx_import::Problem> found;
  OwningOpRef<ModuleOp> module = onnx_import::importOnnx(context, options.input, importOptions, found);
  problems.assign(found.begin(), found.end());
  return module;
}

OwningOpRef<ModuleOp> Compilation::import() {
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(options.input, status)) {
    (void)fail(CompileStatus::ModelError, "cannot read '" + options.input + "': " + error.message());
    return nullptr;
  }
  StringRef extension = llvm::sys::path::extension(options.input);
  const bool isOnnx = extension == ".onnx" || extension == ".onnxtxt";
  if (status.type() == llvm::sys::fs::file_type::directory_file || (!isOnnx && extension != ".mlir")) {
    (void)fail(CompileStatus::UsageError,
               "'" + options.input + "' is not a model this version reads: give an .onnx (or .mlir) file");
    return nullptr;
  }
  if (isOnnx)
    return importOnnx();
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(options.input, ParserConfig(&context));
  if (module && module->getOps<func::FuncOp>().empty() && module->getOps<rt::ProgramOp>().empty()) {
    (void)fail(CompileStatus::ModelError,
               "'" + options.input + "' holds no func.func @main of nn operations");
    return nullptr;
  }
  return module;
}

//===--- the phases
//----------------------------------------------------------------------------------------------------===//

OwningOpRef<ModuleOp> Compilation::optimize(ModuleOp module, int64_t block) {
  OwningOpRef<ModuleOp> graph = module.clone();
  PassManager pm(&context);
  GraphOptions graphOptions;
  graphOptions.block = block;
  buildPipeline(pm, graphOptions);
  if (failed(pm.run(*graph)))
    return nullptr;
  for (auto func : graph->getOps<func::FuncOp>())
    if (failed(collectChecks(func)))
      return nullptr;
  return graph;
}

LogicalResult Compilation::formDispatches(func::FuncOp func, const TargetInstance &instance) {
  storeNarrowTypes(func);
  return failed(instance.prepare(func)) ? failure() : aicc::formDispatches(func, instance);
}

LogicalResult Compilation::formDispatches() {
  for (auto &instance : instances) {
    ModuleOp graph = *graphs.at(instance->getChannelBlock());
    programs.push_back({instance.get(), graph.clone()});
    for (auto func : programs.back().module->getOps<func::FuncOp>()) {
      if (failed(formDispatches(func, *instance)))
        return failure();
    }
    if (failed(verify(*programs.back().module)))
      return failure();
  }
  return success();
}

LogicalResult Compilation::generate() {
  for (auto [i, program] : llvm::enumerate(programs)) {
    CodegenOptions codegen;
    codegen.threads = threads;
    codegen.keepKernels = options.compileTo == "kernel";
    if (!options.dumpDir.empty()) {
      std::string folder = "kernels-" + program.instance->getName();
      std::replace(folder.begin(), folder.end(), ':', '-');
      codegen.dumpDir = options.dumpDir + "/" + folder;
      if (std::error_code error = llvm::sys::fs::create_directories(codegen.dumpDir))
        return fail(CompileStatus::ModelError,
                    "cannot make the folder '" + codegen.dumpDir + "': " + error.message());
    }
    if (failed(program.instance->generate(*program.module, codegen)))
      return failure();
    if (options.progress)
      options.progress(phase, double(i + 1) / programs.size());
  }
  return success();
}

LogicalResult Compilation::buildPrograms() {
  for (Program &program : programs) {
    for (auto func : llvm::make_early_inc_range(program.module->getOps<func::FuncOp>()))
      if (failed(buildProgram(func)))
        return failure();
    if (failed(verify(*program.module)))
      return failure();
  }
  return success();
}

LogicalResult Compilation::writeModule() {
  if (options.output.empty())
    return fail(CompileStatus::UsageError, "no output file is given");
  ModuleWriter writer(options.output);
  setTemporaryFile(writer.temporaryPath());
  auto forget = llvm::make_scope_exit([] { setTemporaryFile(""); });
  writer.addProvenance("aicc", getBuildId());
  writer.addProvenance("model", llvm::sys::path::filename(options.input).str());
  writer.addProvenance("model hash", hashFile(options.input));
  writer.addProvenance("targets", options.targets);
  for (const DimBounds &dim : options.dims)
    writer.addProvenance("dim", dim.name + "=" + std::to_string(dim.min) + ".." + std::to_string(dim.max));
  std::vector<EmitInstance> emitted;
  for (Program &program : programs) {
    emitted.push_back({*program.module, program.instance->getName(), program.instance->getFormat(),
                       program.instance->getRank()});
    writer.addProvenance("instance", program.instance->describe());
  }
  auto progress = [&](double done) {
    if (options.progress)
      options.progress(phase, done);
  };
  if (failed(emitModule(emitted, writer, progress)))
    return failure();
  if (!writer.finish())
    return fail(CompileStatus::ModelError, writer.error());
  result.outputBytes = writer.fileSize();
  return success();
}

LogicalResult Compilation::runPhases() {
  if (failed(validate()))
    return failure();
  beginPhase("import");
  imported = import();
  if (!imported)
    return failure();
  if (endPhase({{"", *imported}}))
    return success();

  beginPhase("graph");
  SmallVector<std::pair<std::string, ModuleOp>> optimized;
  for (auto &instance : instances) {
    OwningOpRef<ModuleOp> &graph = graphs[instance->getChannelBlock()];
    if (graph)
      continue;
    graph = optimize(*imported, instance->getChannelBlock());
    if (!graph)
      return failure();
    optimized.push_back({graphs.size() > 1 ? instance->getName() : "", *graph});
  }
  imported = nullptr;
  if (endPhase(optimized))
    return success();

  beginPhase("dispatch");
  if (failed(formDispatches()))
    return failure();
  graphs.clear();
  if (endPhase())
    return success();

  beginPhase("kernel");
  if (failed(generate()))
    return failure();
  if (endPhase())
    return success();

  beginPhase("program");
  if (failed(buildPrograms()))
    return failure();
  if (endPhase())
    return success();

  beginPhase("module");
  if (failed(writeModule()))
    return failure();
  endPhase(ArrayRef<std::pair<std::string, ModuleOp>>());
  return success();
}

CompileResult Compilation::compile() {
  bool done = succeeded(runPhases());
  setCurrentPhase(nullptr);
  for (const onnx_import::Problem &problem : problems)
    result.errors.push_back(onnx_import::toString(problem));
  llvm::append_range(result.errors, diagnostics.errors);
  llvm::append_range(result.warnings, diagnostics.warnings);
  if (done)
    return std::move(result);
  if (result.errors.empty()) {
    result.status = CompileStatus::InternalError;
    result.errors.push_back("the phase '" + phase + "' failed and did not say why; this is a bug of aicc");
  }
  if (result.status == CompileStatus::Done)
    result.status = CompileStatus::ModelError;
  return std::move(result);
}

CompileResult compile(const CompileOptions &options) { return Compilation(options).compile(); }

std::string findTargetFor(const std::vector<std::string> &formats, const std::vector<std::string> &features) {
  registerAllTargets();
  for (const std::string &format : formats) {
    for (const auto &target : getTargets()) {
      std::string best;
      int64_t bestRank = 0;
      for (const std::string &architecture : target->getArchitectures()) {
        auto instance = target->createInstance(architecture);
        if (!instance) {
          llvm::consumeError(instance.takeError());
          continue;
        }
        bool fits = (*instance)->getFormat() == format &&
                    llvm::all_of((*instance)->getRequiredFeatures(), [&](const std::string &feature) {
                      return llvm::is_contained(features, feature);
                    });
        if (fits && (best.empty() || (*instance)->getRank() > bestRank)) {
          best = architecture;
          bestRank = (*instance)->getRank();
        }
      }
      if (!best.empty())
        return best == target->getArchitectures().front() ? target->getName()
                                                          : target->getName() + ":" + best;
    }
  }
  return "";
}

std::vector<TargetInfo> getTargetInfos() {
  registerAllTargets();
  std::vector<TargetInfo> infos;
  for (const auto &target : getTargets()) {
    TargetInfo info{target->getName(), target->getArchitectures(), ""};
    auto instance = target->createInstance(info.architectures.front());
    info.description = instance ? (*instance)->describe() : llvm::toString(instance.takeError());
    infos.push_back(std::move(info));
  }
  return infos;
}

std::vector<std::string> getTargetProblems() {
  (void)getTargets();
  return getTargetPluginErrors();
}

} // namespace aicc

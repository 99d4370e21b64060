// compileKernels: the order of the steps, and the threads that take modules through them.

#include "targets/cpu/codegen/Backend.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "targets/cpu/codegen/BackendSteps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <atomic>
#include <thread>

using namespace aicc::cpu;
using namespace llvm;

namespace {

using Object = SmallVector<char, 0>;

/// Writes one of a module's dumps; a dump that can't be written is no reason to fail.
void dump(const BackendOptions &options, const Twine &name, StringRef text) {
  if (options.dumpDir.empty())
    return;
  SmallString<128> path(options.dumpDir);
  sys::path::append(path, name);
  std::error_code error;
  raw_fd_ostream stream(path, error);
  if (!error)
    stream << text;
}

/// Collects this thread's errors on a context that other threads use as well.
class ErrorCollector {
public:
  explicit ErrorCollector(mlir::MLIRContext *context)
      : thread(std::this_thread::get_id()), handler(context, [this](mlir::Diagnostic &diagnostic) {
          if (std::this_thread::get_id() != thread)
            return mlir::failure();
          if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error && text.empty())
            raw_string_ostream(text) << diagnostic.getLocation() << ": " << diagnostic;
          return mlir::success();
        }) {}
  std::string text;

private:
  std::thread::id thread;
  mlir::ScopedDiagnosticHandler handler;
};

Expected<Object> compileModule(mlir::ModuleOp module, unsigned index, const StringSet<> &entries,
                               const BackendOptions &options, TargetMachine &machine) {
  std::string text;
  auto dumpMLIR = [&](StringRef suffix) {
    if (options.dumpDir.empty())
      return;
    text.clear();
    raw_string_ostream stream(text);
    module->print(stream);
    dump(options, "kernels-" + Twine(index) + suffix, text);
  };
  dumpMLIR(".mlir");
  {
    ErrorCollector errors(module.getContext());
    if (failed(lowerToLLVMDialect(module, options.cpu)))
      return createStringError("cannot lower a kernel: %s", errors.text.c_str());
  }
  LLVMContext context;
  Expected<std::unique_ptr<Module>> ir = emitLLVMIR(module, entries, options.cpu, machine, context);
  if (!ir)
    return ir.takeError();
  if (!options.dumpDir.empty()) {
    text.clear();
    raw_string_ostream stream(text);
    (*ir)->print(stream, nullptr);
    dump(options, "kernels-" + Twine(index) + ".ll", text);
    // Code generation changes the module, so the text is made from a copy of its own.
    LLVMContext copyContext;
    if (auto copy = emitLLVMIR(module, entries, options.cpu, machine, copyContext)) {
      if (Expected<Object> assembly = emitObject(**copy, machine, /*assembly=*/true))
        dump(options, "kernels-" + Twine(index) + ".s", StringRef(assembly->data(), assembly->size()));
      else
        consumeError(assembly.takeError());
    } else {
      consumeError(copy.takeError());
    }
  }
  Expected<Object> object = emitObject(**ir, machine);
  if (object)
    dump(options, "kernels-" + Twine(index) + ".o", StringRef(object->data(), object->size()));
  return object;
}

} // namespace

Expected<std::vector<char>> aicc::cpu::compileKernels(ArrayRef<mlir::ModuleOp> modules,
                                                      ArrayRef<std::string> entryNames,
                                                      const BackendOptions &options) {
  StringSet<> entries;
  for (const std::string &name : entryNames)
    entries.insert(name);
  unsigned threads = std::max(1u, std::min<unsigned>(options.threads, modules.size()));
  for (mlir::ModuleOp module : modules) {
    prepareContext(module.getContext());
    if (!module.getContext()->isMultithreadingEnabled())
      threads = 1;
  }

  std::vector<Object> objects(modules.size() + 1);
  std::vector<std::string> errors(modules.size() + 1);
  std::atomic<unsigned> next = 0;
  std::atomic<bool> stop = false;
  auto work = [&] {
    Expected<std::unique_ptr<TargetMachine>> machine = createTargetMachine(options.cpu);
    for (unsigned i; !stop && (i = next++) <= modules.size();) {
      Expected<Object> object = !machine ? Expected<Object>(machine.takeError())
                                : i < modules.size()
                                    ? compileModule(modules[i], i, entries, options, **machine)
                                    : emitQueryObject(entryNames, **machine);
      if (object) {
        objects[i] = std::move(*object);
      } else {
        errors[i] = toString(object.takeError());
        stop = true;
      }
    }
    if (!machine)
      consumeError(machine.takeError());
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i)
    others.emplace_back(work);
  work();
  for (std::thread &thread : others)
    thread.join();
  for (const std::string &error : errors)
    if (!error.empty())
      return createStringError(error);

  Expected<std::vector<char>> image = linkImage(objects);
  if (image)
    dump(options, "kernels.so", StringRef(image->data(), image->size()));
  return image;
}

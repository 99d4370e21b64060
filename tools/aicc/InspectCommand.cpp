// `aicc inspect`: what is in a module.

#include "tools/aicc/Commands.h"
#include "tools/aicc/Failure.h"
#include "tools/aicc/Session.h"

#include <cstdio>
#include <memory>

namespace aicc::tool {

namespace {
struct Options {
  SessionOptions session;
  bool kernels = false;
};
} // namespace

static void printValue(const char *role, const Value &value) {
  std::string text = value.dims.empty() ? "scalar " : "[";
  for (size_t i = 0; i < value.dims.size(); ++i)
    text += (i ? ", " : "") + (value.dims[i] >= 0          ? std::to_string(value.dims[i])
                               : value.dimNames[i].empty() ? "?"
                                                           : value.dimNames[i]);
  text += value.dims.empty() ? "" : "] ";
  std::printf("  %-7s %s: %s%s\n", role, value.name.c_str(), text.c_str(),
              aicc_element_type_name(value.type));
}

static void printFunction(const aicc_function *function, bool kernels) {
  std::printf("  %u dispatches, arena %s\n", aicc_function_dispatch_count(function),
              formatBytes(aicc_function_arena_size(function)).c_str());
  for (uint32_t i = 0; kernels && i < aicc_function_dispatch_count(function); ++i) {
    aicc_dispatch_info info = {};
    info.struct_size = sizeof(info);
    check(aicc_function_get_dispatch(function, i, &info));
    std::printf("  %4u %-28s", i, info.kernel);
    for (uint32_t n = 0; n < info.node_count; ++n)
      std::printf("%s %s", n ? "," : "", info.nodes[n]);
    std::printf("\n");
  }
}

static void printTarget(const aicc_target_info &target) {
  std::printf("  %s: %s, code %s, %u dispatches, needs %s\n", target.target, target.format,
              formatBytes(target.code_size).c_str(), target.dispatch_count,
              *target.features ? target.features : "nothing");
  std::printf("    %u kernels in %u executables, arena %s, weights %s in %u constants, %s of them its own\n",
              target.kernel_count, target.executable_count, formatBytes(target.arena_size).c_str(),
              formatBytes(target.constant_size).c_str(), target.constant_count,
              formatBytes(target.own_constant_size).c_str());
}

/// The dispatches of a target that is not the first one, whose are above.
static void printKernelsOf(const Options &options, const char *target) {
  SessionOptions session = options.session;
  session.target = target;
  Session opened(session, /*load=*/false);
  printFunction(opened.getFunction(), true);
}

static int runInspect(const Options &options) {
  Session session(options.session, /*load=*/false);
  const aicc_module *module = session.getModule();
  aicc_module_info info = {};
  info.struct_size = sizeof(info);
  check(aicc_module_get_info(module, &info));
  std::printf("module %s\n", options.session.path.c_str());
  std::printf("  format %u, %s: weights %s in %u constants, code %s\n", info.format_version,
              formatBytes(info.file_size).c_str(), formatBytes(info.constant_size).c_str(),
              info.constant_count, formatBytes(info.code_size).c_str());
  for (uint32_t f = 0; f < aicc_module_function_count(module); ++f)
    std::printf("%s%s", f ? ", " : "functions ", aicc_function_get_name(aicc_module_get_function(module, f)));
  std::printf("\n");
  for (const Value &value : session.getInputs())
    printValue("input", value);
  for (const Value &value : session.getOutputs())
    printValue("output", value);
  for (const SymbolRange &symbol : session.getSymbols())
    std::printf("  %-7s %s: %lld to %s\n", "size", symbol.name.c_str(), static_cast<long long>(symbol.min),
                symbol.max == INT64_MAX ? "any" : std::to_string(symbol.max).c_str());
  printFunction(session.getFunction(), options.kernels);
  std::printf("targets, best first\n");
  for (uint32_t t = 0; t < info.target_count; ++t) {
    aicc_target_info target = {};
    target.struct_size = sizeof(target);
    check(aicc_module_get_target(module, t, &target));
    printTarget(target);
    if (options.kernels && t)
      printKernelsOf(options, target.target);
  }
  std::printf("provenance\n");
  for (uint32_t p = 0; p < info.provenance_count; ++p) {
    const char *key = nullptr, *value = nullptr;
    check(aicc_module_get_provenance(module, p, &key, &value));
    std::printf("  %s: %s\n", key, value);
  }
  return 0;
}

Action addInspect(CLI::App &app) {
  auto options = std::make_shared<Options>();
  app.description("Show what is in a module: signature, targets, kernels, sizes, provenance");
  app.add_option("module", options->session.path, "A module file")->required()->type_name("MODULE");
  app.add_flag("--kernels", options->kernels,
               "List the dispatches, and the model's nodes that each computes");
  app.footer("Example:\n  aicc inspect model.aicc --kernels");
  return [options] { return runInspect(*options); };
}

} // namespace aicc::tool

// See Session.h.

#include "tools/aicc/Session.h"
#include "aicc/Cache.h"
#include "tools/aicc/Failure.h"
#include "tools/aicc/Progress.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace aicc::tool {

void SessionOptions::add(CLI::App &app) {
  app.add_option("model", path,
                 "A module (.aicc), or a model (.onnx, .mlir), which is compiled first, through the cache")
      ->required()
      ->type_name("MODULE-or-MODEL");
  app.add_option(
         "--device", device,
         "Where to run: auto (the fastest that has a program, the default), cpu, or a device that `aicc "
         "devices` lists; cpu:x86-64-v3 forces the module's code for that architecture")
      ->type_name("D");
  app.add_option("--threads", threads, "Threads that kernels use (default: as many as this process may use)")
      ->type_name("N");
  app.add_option("--dim", dims, "Fix or bound a symbolic size: batch=4, batch=1..32")
      ->type_name("NAME=N")
      ->allow_extra_args(false);
  app.add_flag("--no-cache", noCache, "Compile the model anew, and keep nothing");
  app.add_flag("-v,--verbose", verbose, "Say what is done and how long it takes");
}

static int64_t parseSize(const std::string &text, const std::string &whole) {
  char *end = nullptr;
  errno = 0;
  long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end || errno || value < 0)
    throw Failure{kUsageError,
                  "--dim " + whole + ": write NAME=SIZE or NAME=MIN..MAX, as in --dim batch=1..32"};
  return value;
}

std::vector<DimBounds> parseDims(const std::vector<std::string> &texts) {
  std::vector<DimBounds> dims;
  for (const std::string &text : texts) {
    size_t equals = text.rfind('=');
    DimBounds bounds;
    bounds.name = text.substr(0, equals);
    std::string range = equals == std::string::npos || !equals ? "" : text.substr(equals + 1);
    size_t dots = range.find("..");
    bounds.min = parseSize(range.substr(0, dots), text);
    bounds.max = dots == std::string::npos ? bounds.min : parseSize(range.substr(dots + 2), text);
    if (bounds.min > bounds.max)
      throw Failure{kUsageError, "--dim " + text + ": the lower bound is above the upper one"};
    for (const DimBounds &other : dims)
      if (other.name == bounds.name)
        throw Failure{kUsageError, "--dim " + bounds.name + " is given twice"};
    dims.push_back(bounds);
  }
  return dims;
}

std::string formatBytes(uint64_t bytes) {
  char text[32];
  if (bytes < 1000)
    std::snprintf(text, sizeof(text), "%llu B", static_cast<unsigned long long>(bytes));
  else if (bytes < 1000000)
    std::snprintf(text, sizeof(text), "%.1f kB", bytes / 1e3);
  else if (bytes < 1000000000)
    std::snprintf(text, sizeof(text), "%.1f MB", bytes / 1e6);
  else
    std::snprintf(text, sizeof(text), "%.2f GB", bytes / 1e9);
  return text;
}

CompileResult compileOrFail(CompileOptions options, bool verbose) {
  CompileResult result;
  {
    ProgressBar bar;
    options.progress = [&](const std::string &phase, double done) { bar.show(phase, done); };
    result = compile(options);
  }
  for (const std::string &warning : result.warnings)
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  if (verbose)
    for (const PhaseTime &phase : result.phases)
      std::fprintf(stderr, "%-9s %8.3f s   peak memory %s\n", phase.phase.c_str(), phase.seconds,
                   formatBytes(phase.peakBytes).c_str());
  if (result.status == CompileStatus::Done)
    return result;
  // All but the last here; main prints that one.
  for (size_t i = 0; i + 1 < result.errors.size(); ++i)
    std::fprintf(stderr, "error: %s\n", result.errors[i].c_str());
  throw Failure{static_cast<int>(result.status),
                result.errors.empty() ? "it could not be compiled" : result.errors.back()};
}

static bool isModule(const std::string &path) {
  std::FILE *file = std::fopen(path.c_str(), "rb");
  if (!file)
    throw Failure{kDataError, "cannot read " + path + ": " + std::strerror(errno)};
  char magic[4] = {};
  size_t count = std::fread(magic, 1, sizeof(magic), file);
  std::fclose(file);
  bool named = path.size() > 5 && path.compare(path.size() - 5, 5, ".aicc") == 0;
  return named || (count == 4 && std::memcmp(magic, "AICC", 4) == 0);
}

/// What --device says: a device, or a program of the module ("cpu:x86-64-v3"), which is for a driver's first
/// device.
namespace {
struct DeviceChoice {
  bool isAuto = false;
  std::string device, target;
  std::string driver; ///< the only one that is needed
};
} // namespace

static DeviceChoice parseDevice(const std::string &text) {
  DeviceChoice choice;
  choice.isAuto = text.empty() || text == "auto";
  if (choice.isAuto)
    return choice;
  size_t colon = text.find(':');
  choice.device = text;
  choice.driver = text.substr(0, colon);
  if (colon != std::string::npos && text.find_first_not_of("0123456789", colon + 1) != std::string::npos) {
    choice.target = text;
    choice.device = choice.driver;
  }
  return choice;
}

static void printLog(void *, aicc_log_level level, const char *message) {
  if (level >= AICC_LOG_INFO)
    std::fprintf(stderr, "%s\n", message);
}

Session::Session(const SessionOptions &options, bool load) {
  try {
    dims = parseDims(options.dims);
    bool isModel = !isModule(options.path);
    modulePath = options.path;
    DeviceChoice choice = parseDevice(options.device);
    makeInstance(options, !load ? "" : choice.isAuto ? nullptr : choice.driver.c_str());
    if (isModel)
      compileModel(options);
    try {
      open(options, load);
    } catch (const Failure &) {
      if (!load || choice.isAuto || isModel)
        throw;
      // Other devices matter now: what failed says which of them would do.
      aicc_instance_destroy(instance);
      instance = nullptr;
      device = nullptr;
      makeInstance(options, nullptr);
      open(options, load);
    }
  } catch (...) {
    close();
    throw;
  }
}

void Session::makeInstance(const SessionOptions &options, const char *plugins) {
  aicc_instance_options instanceOptions = {};
  instanceOptions.struct_size = sizeof(instanceOptions);
  instanceOptions.thread_count = options.threads;
  instanceOptions.plugins = plugins;
  if (options.verbose)
    instanceOptions.log = printLog;
  check(aicc_instance_create(&instanceOptions, &instance));
}

static std::vector<std::string> splitList(const std::string &text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

static aicc_device_info infoOf(const aicc_device *device) {
  aicc_device_info info = {};
  info.struct_size = sizeof(info);
  check(aicc_device_get_info(device, &info));
  return info;
}

std::string Session::findTarget(const aicc_device *candidate) const {
  aicc_device_info info = infoOf(candidate);
  return findTargetFor(splitList(info.formats), splitList(info.features));
}

/// Compiles for the device that is asked for; for `auto`, the fastest that this build has a target for.
void Session::compileModel(const SessionOptions &options) {
  CompileOptions compileOptions;
  compileOptions.input = options.path;
  compileOptions.dims = dims;
  DeviceChoice choice = parseDevice(options.device);
  if (!options.target.empty()) {
    compileOptions.targets = options.target;
  } else if (!choice.target.empty()) {
    compileOptions.targets = choice.target;
  } else if (choice.isAuto) {
    for (uint32_t i = 0; i < aicc_instance_device_count(instance); ++i) {
      const aicc_device *candidate = aicc_instance_get_device(instance, i);
      if (device && infoOf(candidate).speed_class <= infoOf(device).speed_class)
        continue;
      std::string target = findTarget(candidate);
      if (target.empty())
        continue;
      device = candidate;
      compileOptions.targets = target;
    }
  } else {
    check(aicc_instance_find_device(instance, choice.device.c_str(), &device));
    compileOptions.targets = findTarget(device);
    if (compileOptions.targets.empty()) {
      // One that cannot be loaded may be what is missing.
      for (const std::string &problem : getTargetProblems())
        std::fprintf(stderr, "warning: %s\n", problem.c_str());
      throw Failure{kDataError, "device " + options.device + " runs " + infoOf(device).formats +
                                    ", which this build has no target for"};
    }
  }
  auto compileNow = [&](const CompileOptions &now) { return compileOrFail(now, options.verbose); };
  if (options.noCache) {
    temporary = makeTemporaryModulePath();
    compileOptions.output = modulePath = temporary;
    compileNow(compileOptions);
    return;
  }
  CachedModule cached = compileCached(compileOptions, compileNow);
  modulePath = cached.path;
  if (cached.isTemporary)
    temporary = cached.path;
  if (options.verbose)
    std::fprintf(stderr, "module    %s%s\n", cached.path.c_str(), cached.isHit ? " (from the cache)" : "");
}

void Session::open(const SessionOptions &options, bool load) {
  aicc_module_options moduleOptions = {};
  moduleOptions.struct_size = sizeof(moduleOptions);
  DeviceChoice choice = parseDevice(options.device);
  if (!choice.target.empty())
    moduleOptions.target = choice.target.c_str();
  else if (!load && !options.target.empty())
    moduleOptions.target = options.target.c_str();
  if (load && !choice.isAuto && !device) {
    // Opened twice, so that an error says where else the module runs.
    aicc_module *looked = nullptr;
    check(aicc_module_load_file(instance, nullptr, modulePath.c_str(), nullptr, &looked), options.path);
    std::unique_ptr<aicc_module, void (*)(aicc_module *)> owner(looked, aicc_module_destroy);
    check(aicc_module_find_device(looked, choice.device.c_str(), &device), options.path);
  }
  if (load && !device)
    moduleOptions.flags |= AICC_MODULE_AUTO_DEVICE;
  check(aicc_module_load_file(instance, device, modulePath.c_str(), &moduleOptions, &module), options.path);
  device = aicc_module_get_device(module);
  check(aicc_module_find_function(module, nullptr, &function), options.path);
  if (load)
    check(aicc_context_create(module, nullptr, &context));
}

void Session::close() {
  for (aicc_tensor *tensor : inputs)
    aicc_tensor_release(tensor);
  for (aicc_tensor *tensor : outputs)
    aicc_tensor_release(tensor);
  aicc_context_destroy(context);
  if (module)
    aicc_module_destroy(module);
  if (instance)
    aicc_instance_destroy(instance);
  if (!temporary.empty())
    unlink(temporary.c_str());
}

Session::~Session() { close(); }

static Value describe(const aicc_value_info &info) {
  Value value{info.name, info.element_type, std::vector<int64_t>(info.dims, info.dims + info.rank), {}};
  for (uint32_t i = 0; i < info.rank; ++i)
    value.dimNames.push_back(info.dim_names[i]);
  return value;
}

std::vector<Value> Session::getInputs() const {
  std::vector<Value> values;
  for (uint32_t i = 0; i < aicc_function_arg_count(function); ++i) {
    aicc_value_info info = {};
    info.struct_size = sizeof(info);
    check(aicc_function_get_arg(function, i, &info));
    values.push_back(describe(info));
  }
  return values;
}

std::vector<Value> Session::getOutputs() const {
  std::vector<Value> values;
  for (uint32_t i = 0; i < aicc_function_result_count(function); ++i) {
    aicc_value_info info = {};
    info.struct_size = sizeof(info);
    check(aicc_function_get_result(function, i, &info));
    values.push_back(describe(info));
  }
  return values;
}

std::vector<SymbolRange> Session::getSymbols() const {
  std::vector<SymbolRange> symbols;
  for (uint32_t i = 0; i < aicc_function_symbol_count(function); ++i) {
    aicc_symbol_info info = {};
    info.struct_size = sizeof(info);
    check(aicc_function_get_symbol(function, i, &info));
    symbols.push_back({info.name, info.min, info.max, info.arg, info.dim});
  }
  return symbols;
}

bool Session::isRemote() const { return !(infoOf(device).capabilities & AICC_DRIVER_HOST_MEMORY); }

void Session::setInputs(std::vector<Array> &arrays, bool resident) {
  resident &= isRemote();
  for (Array &array : arrays) {
    // An empty tensor has an address, too.
    static char nothing[64];
    aicc_tensor *tensor = nullptr;
    check(aicc_tensor_wrap(instance, array.type, static_cast<uint32_t>(array.dims.size()), array.dims.data(),
                           nullptr, array.bytes.empty() ? nothing : array.bytes.data(), array.bytes.size(),
                           nullptr, nullptr, &tensor));
    inputs.push_back(tensor);
    if (!resident)
      continue;
    aicc_tensor *there = nullptr;
    check(aicc_tensor_copy_to(tensor, device, &there));
    aicc_tensor_release(tensor);
    inputs.back() = there;
  }
  outputs.assign(aicc_function_result_count(function), nullptr);
  runFlags = resident ? AICC_RUN_DEVICE_OUTPUTS : 0;
}

void Session::run(const aicc_run_options *options) {
  aicc_run_options local = {};
  if (options)
    local = *options;
  local.struct_size = sizeof(local);
  local.flags |= runFlags;
  check(aicc_context_run(context, function, inputs.data(), static_cast<uint32_t>(inputs.size()),
                         outputs.data(), static_cast<uint32_t>(outputs.size()), &local));
}

std::vector<Array> Session::getOutputArrays() const {
  std::vector<Array> arrays;
  for (const aicc_tensor *tensor : outputs) {
    aicc_tensor *here = nullptr;
    check(aicc_tensor_copy_to(tensor, nullptr, &here));
    std::unique_ptr<aicc_tensor, void (*)(aicc_tensor *)> owner(here, aicc_tensor_release);
    aicc_tensor_info info = {};
    info.struct_size = sizeof(info);
    check(aicc_tensor_get_info(here, &info));
    Array array(info.element_type, std::vector<int64_t>(info.dims, info.dims + info.rank));
    if (!array.bytes.empty())
      std::memcpy(array.bytes.data(), info.data, array.bytes.size());
    arrays.push_back(std::move(array));
  }
  return arrays;
}

uint64_t Session::getDeviceMemory() const {
  uint64_t used = 0, available = 0;
  check(aicc_device_get_memory(device, &used, &available));
  return used;
}

aicc_device_info Session::getDeviceInfo() const { return infoOf(device); }

std::string Session::getTarget() const {
  aicc_module_info info = {};
  info.struct_size = sizeof(info);
  check(aicc_module_get_info(module, &info));
  if (info.target_index < 0)
    return "";
  aicc_target_info target = {};
  target.struct_size = sizeof(target);
  check(aicc_module_get_target(module, static_cast<uint32_t>(info.target_index), &target));
  return target.target;
}

} // namespace aicc::tool

// `aicc verify`: where a compiled model's numbers first differ from the reference interpreter's.

#include "aicc/Verify.h"
#include "tools/aicc/Commands.h"
#include "tools/aicc/Failure.h"
#include "tools/aicc/Inputs.h"
#include "tools/aicc/Progress.h"
#include "tools/aicc/Session.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

namespace aicc::tool {

namespace {
struct Options {
  CompileOptions compile;
  std::string device, outputDir;
  std::vector<std::string> dims, inputs;
  double tolerance = 1e-4;
  uint64_t seed = 0;
  unsigned threads = 0;
  bool json = false;
};
} // namespace

/// What this build compiles for so that the device runs it.
static std::string findTargetOf(const std::string &name) {
  aicc_instance_options options = {};
  options.struct_size = sizeof(options);
  aicc_instance *created = nullptr;
  check(aicc_instance_create(&options, &created));
  std::unique_ptr<aicc_instance, void (*)(aicc_instance *)> instance(created, aicc_instance_destroy);
  const aicc_device *device = nullptr;
  check(aicc_instance_find_device(created, name.c_str(), &device));
  aicc_device_info info = {};
  info.struct_size = sizeof(info);
  check(aicc_device_get_info(device, &info));
  auto split = [](const std::string &text) {
    std::vector<std::string> parts;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      parts.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return parts;
  };
  std::string target = findTargetFor(split(info.formats), split(info.features));
  if (target.empty())
    throw Failure{kDataError,
                  "device " + name + " runs " + info.formats + ", which this build has no target for"};
  return target;
}

/// One run of a module with the options' inputs, which are made at the first.
static void runModule(const Options &options, const std::string &path, const std::vector<InputRange> &ranges,
                      std::vector<HostTensor> &inputs, std::vector<HostTensor> &outputs) {
  SessionOptions sessionOptions;
  sessionOptions.path = path;
  sessionOptions.device = options.device;
  sessionOptions.threads = options.threads;
  sessionOptions.dims = options.dims;
  Session session(sessionOptions);
  if (inputs.empty())
    for (Input &input : makeInputs(session, options.inputs, ranges, options.seed))
      inputs.push_back({input.array.type, std::move(input.array.dims), std::move(input.array.bytes)});
  std::vector<Array> arrays;
  for (const HostTensor &input : inputs) {
    Array &array = arrays.emplace_back();
    array.type = input.type;
    array.dims = input.dims;
    array.bytes = input.bytes;
  }
  session.setInputs(arrays);
  session.run();
  for (Array &array : session.getOutputArrays())
    outputs.push_back({array.type, std::move(array.dims), std::move(array.bytes)});
}

/// As `aicc run` does.
static void writeOutputs(const std::string &folder, const std::vector<HostTensor> &outputs) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  for (size_t i = 0; i < outputs.size(); ++i) {
    Array array;
    array.type = outputs[i].type;
    array.dims = outputs[i].dims;
    array.bytes = outputs[i].bytes;
    writeNpy(folder + "/output_" + std::to_string(i) + ".npy", array);
  }
}

static void printJson(const VerifyResult &result) {
  nlohmann::ordered_json json = {{"status", static_cast<int>(result.status)},
                                 {"nodes", result.numNodes},
                                 {"dispatches", result.numDispatches},
                                 {"largest_error", result.largestError},
                                 {"largest_error_at", result.largestErrorAt},
                                 {"errors", result.errors},
                                 {"warnings", result.warnings}};
  const Divergence &found = result.divergence;
  json["divergence"] = nullptr;
  if (!found.stage.empty())
    json["divergence"] = {{"stage", found.stage}, {"node", found.node},           {"op", found.op},
                          {"pass", found.pass},   {"kernel", found.kernel},       {"tensor", found.tensor},
                          {"what", found.what},   {"only_fused", found.onlyFused}};
  // Names in models are bytes, not always text.
  std::printf("%s\n", json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

static void printText(const Options &options, const VerifyResult &result) {
  const Divergence &found = result.divergence;
  if (found.stage.empty()) {
    if (!result.errors.empty())
      return;
    std::printf("%s: %u operations and %u dispatches agree with the reference on %s",
                options.compile.input.c_str(), result.numNodes, result.numDispatches,
                options.compile.targets.c_str());
    if (result.largestError > 0)
      std::printf("; largest error %.2g, at %s", result.largestError, result.largestErrorAt.c_str());
    std::printf("\n");
    return;
  }
  auto orUnknown = [](const std::string &text) {
    return text.empty() ? "a node without a name" : text.c_str();
  };
  std::string text = std::string(orUnknown(found.node)) + (found.op.empty() ? "" : " (" + found.op + ")");
  if (found.stage == "pass")
    text += found.pass.empty() ? ": the optimized graph is not the model"
                               : ": the pass " + found.pass + " changes what the model computes";
  else if (found.stage == "dispatches")
    text += ": what target " + options.compile.targets + " makes of the graph is not the graph";
  else if (found.stage == "kernel")
    text += ": kernel " + found.kernel + " of target " + options.compile.targets + " is wrong" +
            (found.onlyFused ? ", where these operations are fused" : "");
  else
    text += ": every kernel is right, but the program of target " + options.compile.targets + " is not";
  std::printf("%s\n  %s %s\n", text.c_str(), found.tensor.c_str(), found.what.c_str());
}

static int runVerify(Options &options) {
  options.compile.dims = parseDims(options.dims);
  if (options.compile.targets.empty())
    options.compile.targets =
        options.device.empty() || options.device == "auto" ? "cpu" : findTargetOf(options.device);
  ProgressBar bar;
  options.compile.progress = [&](const std::string &phase, double done) { bar.show(phase, done); };
  VerifyOptions verifyOptions;
  verifyOptions.compile = options.compile;
  verifyOptions.tolerance = options.tolerance;
  int exitCode = 0;
  verifyOptions.run = [&](const std::string &module, const std::vector<InputRange> &ranges,
                          std::vector<HostTensor> &inputs, std::vector<HostTensor> &outputs) -> std::string {
    try {
      runModule(options, module, ranges, inputs, outputs);
    } catch (const Failure &failure) {
      exitCode = failure.exitCode;
      return failure.message;
    }
    return "";
  };
  VerifyResult result = verify(verifyOptions);
  bar.clear();
  for (const std::string &warning : result.warnings)
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  for (const std::string &error : result.errors)
    std::fprintf(stderr, "error: %s\n", error.c_str());
  if (!options.outputDir.empty())
    writeOutputs(options.outputDir, result.outputs);
  if (options.json)
    printJson(result);
  else
    printText(options, result);
  return exitCode ? exitCode : static_cast<int>(result.status);
}

Action addVerify(CLI::App &app) {
  auto options = std::make_shared<Options>();
  options->compile.targets.clear();
  app.description("Find the first tensor of a compiled model that differs from the reference interpreter's");
  app.add_option("model", options->compile.input, "An .onnx file, or .mlir with nn operations")
      ->required()
      ->type_name("MODEL");
  app.add_option("--target", options->compile.targets,
                 "What to compile for: one architecture (default: what the device runs, or this CPU)")
      ->type_name("T");
  app.add_option("--device", options->device, "Where to run, as for `aicc run`")->type_name("D");
  app.add_option("--threads", options->threads, "Threads that kernels use")->type_name("N");
  app.add_option("--dim", options->dims, "Fix or bound a symbolic size: seq=128, batch=1..32")
      ->type_name("NAME=N")
      ->allow_extra_args(false);
  app.add_option("--input", options->inputs,
                 "As for `aicc run`. What is not given is random: floats normal, integers by what the model "
                 "does with them")
      ->type_name("NAME=...")
      ->allow_extra_args(false);
  app.add_option("--output-dir", options->outputDir,
                 "Write what the compiled program gave, as `aicc run` does")
      ->type_name("DIR");
  app.add_option("--seed", options->seed, "Other random inputs")->type_name("N");
  app.add_option("--tolerance", options->tolerance,
                 "Largest difference allowed, relative to a tensor's largest value (default 1e-4)")
      ->type_name("X");
  app.add_flag("--json", options->json, "Print the result as JSON");
  app.footer("Exit code 3: something differs.\nExamples:\n  aicc verify model.onnx\n  aicc verify model.onnx "
             "--dim seq=16 --input input_ids=@ids.npy --device cpu");
  return [options] { return runVerify(*options); };
}

} // namespace aicc::tool

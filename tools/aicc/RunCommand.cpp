// `aicc run`: one run of a module or model, with inputs from files or generated, and outputs to files or
// summarized.

#include "tools/aicc/Commands.h"
#include "tools/aicc/Failure.h"
#include "tools/aicc/Inputs.h"
#include "tools/aicc/Session.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

namespace aicc::tool {

namespace {
struct Options {
  SessionOptions session;
  std::vector<std::string> inputs, expected;
  std::string outputDir;
  double tolerance = 1e-4;
};
} // namespace

/// "min -1.2, max 3.4, mean 0.01, first 0.1 0.2 0.3".
static std::string summarize(const Array &array) {
  int64_t count = array.size();
  if (count == 0)
    return "empty";
  double low = INFINITY, high = -INFINITY, sum = 0;
  int64_t nans = 0, infinities = 0, finite = 0;
  for (int64_t i = 0; i < count; ++i) {
    double value = array.get(i);
    if (std::isnan(value)) {
      ++nans;
    } else if (std::isinf(value)) {
      ++infinities;
    } else {
      low = std::min(low, value);
      high = std::max(high, value);
      sum += value;
      ++finite;
    }
  }
  char text[160];
  std::string summary;
  if (finite && count > 1) {
    std::snprintf(text, sizeof(text), "min %.6g, max %.6g, mean %.6g, ", low, high,
                  sum / static_cast<double>(finite));
    summary = text;
  }
  if (nans)
    summary += std::to_string(nans) + " NaN, ";
  if (infinities)
    summary += std::to_string(infinities) + " infinite, ";
  summary += count > 1 ? "first" : "value";
  for (int64_t i = 0; i < std::min<int64_t>(count, 6); ++i) {
    std::snprintf(text, sizeof(text), " %.6g", array.get(i));
    summary += text;
  }
  return summary + (count > 6 ? " ..." : "");
}

/// Empty if `got` equals `want`: max|y - y'| <= tolerance * max|y|, integers exact, NaNs and infinities in
/// the same places.
static std::string compare(const Array &want, const Array &got, double tolerance) {
  if (want.type != got.type || want.dims != got.dims)
    return "is " + toText(got.type, got.dims) + ", but " + toText(want.type, want.dims) + " is expected";
  if (!isFloat(want.type)) {
    int64_t wrong = 0;
    size_t width = aicc_element_type_bits(want.type) / 8;
    for (size_t at = 0; at < want.bytes.size(); at += width)
      wrong += std::memcmp(want.bytes.data() + at, got.bytes.data() + at, width) != 0;
    return wrong ? std::to_string(wrong) + " of " + std::to_string(want.size()) + " elements differ" : "";
  }
  double top = 0, worst = 0;
  int64_t where = 0;
  for (int64_t i = 0; i < want.size(); ++i) {
    double a = want.get(i), b = got.get(i);
    if (std::isfinite(a) && std::isfinite(b)) {
      top = std::max(top, std::fabs(a));
      if (std::fabs(a - b) > worst) {
        worst = std::fabs(a - b);
        where = i;
      }
    } else if (!(std::isnan(a) && std::isnan(b)) && a != b) {
      return "element " + std::to_string(i) + " is " + std::to_string(b) + ", but " + std::to_string(a) +
             " is expected";
    }
  }
  if (worst <= tolerance * top)
    return "";
  char text[200];
  std::snprintf(
      text, sizeof(text),
      "differs by %.3g, more than %g of the largest value %.3g; element %lld is %.6g, but %.6g is expected",
      worst, tolerance, top, static_cast<long long>(where), got.get(where), want.get(where));
  return text;
}

static int runRun(const Options &options) {
  Session session(options.session);
  std::vector<Value> outputs = session.getOutputs();
  std::vector<std::pair<size_t, std::string>> expected;
  for (const std::string &text : options.expected) {
    std::string rest;
    size_t index = matchName("--expected", text, outputs, rest);
    if (rest.empty() || rest[0] != '@')
      throw Failure{kUsageError, "--expected " + text + ": write NAME=@FILE.npy"};
    expected.push_back({index, rest.substr(1)});
  }
  if (!options.outputDir.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options.outputDir, error);
    if (!std::filesystem::is_directory(options.outputDir, error))
      throw Failure{kDataError, "cannot make the folder " + options.outputDir};
  }
  std::vector<Input> inputs = makeInputs(session, options.inputs);
  std::vector<Array> arrays;
  std::vector<Value> values = session.getInputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (options.outputDir.empty())
      std::printf("input  %s: %s, %s\n", values[i].name.c_str(),
                  toText(inputs[i].array.type, inputs[i].array.dims).c_str(), inputs[i].origin.c_str());
    arrays.push_back(std::move(inputs[i].array));
  }
  session.setInputs(arrays);
  session.run();
  std::vector<Array> results = session.getOutputArrays();
  for (size_t i = 0; i < results.size(); ++i) {
    if (options.outputDir.empty())
      std::printf("output %s: %s, %s\n", outputs[i].name.c_str(),
                  toText(results[i].type, results[i].dims).c_str(), summarize(results[i]).c_str());
    else
      writeNpy(options.outputDir + "/output_" + std::to_string(i) + ".npy", results[i]);
  }
  int exitCode = 0;
  for (auto &[index, path] : expected) {
    std::string difference = compare(readNpy(path, results[index].type), results[index], options.tolerance);
    if (difference.empty())
      continue;
    std::fprintf(stderr, "error: output %s: %s\n", outputs[index].name.c_str(), difference.c_str());
    exitCode = kDataError;
  }
  return exitCode;
}

Action addRun(CLI::App &app) {
  auto options = std::make_shared<Options>();
  app.description("Run a module or a model once");
  options->session.add(app);
  app.add_option("--input", options->inputs,
                 "NAME=@FILE.npy, NAME=2x3xf32 (random), NAME=0 (filled with a number). What is not given is "
                 "generated: floats normal, integers "
                 "0 or 1")
      ->type_name("NAME=...")
      ->allow_extra_args(false);
  app.add_option("--output-dir", options->outputDir,
                 "Write output_0.npy, output_1.npy, ... there; otherwise they are summarized")
      ->type_name("DIR");
  app.add_option("--expected", options->expected,
                 "Compare an output with NAME=@FILE.npy; exit code 1 if they differ")
      ->type_name("NAME=@FILE.npy")
      ->allow_extra_args(false);
  app.add_option("--tolerance", options->tolerance,
                 "Largest difference allowed, relative to the largest value (default 1e-4)")
      ->type_name("X");
  app.footer("Examples:\n  aicc run model.onnx\n  aicc run model.aicc --input input_ids=@ids.npy "
             "--output-dir out\n  aicc run model.onnx --dim "
             "batch=4 --input attention_mask=1 --expected logits=@logits.npy");
  return [options] { return runRun(*options); };
}

} // namespace aicc::tool

// A module ready to run: loaded from a file, or compiled from a model through the cache. Owns the runtime's
// handles.

#ifndef AICC_TOOLS_SESSION_H
#define AICC_TOOLS_SESSION_H

#include "aicc/Compiler.h"
#include "aicc/runtime.h"
#include "tools/aicc/Array.h"
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace aicc::tool {

/// What commands that run a module or model take.
struct SessionOptions {
  std::string path;
  std::string device, target;
  unsigned threads = 0;
  std::vector<std::string> dims;
  bool noCache = false;
  bool verbose = false;

  void add(CLI::App &app);
};

/// `batch=4`, `batch=1..32`. Throws a Failure.
std::vector<DimBounds> parseDims(const std::vector<std::string> &texts);

struct Value {
  std::string name;
  aicc_element_type type;
  std::vector<int64_t> dims; ///< -1: known when run
  std::vector<std::string> dimNames;
};

struct SymbolRange {
  std::string name;
  int64_t min, max;
  uint32_t arg, dim;
};

class Session {
public:
  /// Compiles if `path` is a model, and loads. `load` false: a module is opened without a device, to be
  /// looked at.
  explicit Session(const SessionOptions &options, bool load = true);
  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  std::vector<Value> getInputs() const;
  std::vector<Value> getOutputs() const;
  std::vector<SymbolRange> getSymbols() const;
  const std::vector<DimBounds> &getDims() const { return dims; }

  /// Binds the arrays, which must stay where they are. `resident`: on a device with memory of its own they
  /// are copied there now, and outputs stay there.
  void setInputs(std::vector<Array> &arrays, bool resident = false);
  /// One run; outputs are made by the first and used again by the next.
  void run(const aicc_run_options *options = nullptr);
  /// Bytes allocated on the device.
  uint64_t getDeviceMemory() const;
  /// The device has memory of its own.
  bool isRemote() const;
  /// Copies of the last run's outputs.
  std::vector<Array> getOutputArrays() const;

  aicc_device_info getDeviceInfo() const;
  std::string getTarget() const;
  const aicc_module *getModule() const { return module; }
  const aicc_function *getFunction() const { return function; }

private:
  /// `plugins`: as aicc_instance_options.plugins.
  void makeInstance(const SessionOptions &options, const char *plugins);
  void compileModel(const SessionOptions &options);
  void open(const SessionOptions &options, bool load);
  void close();
  std::string findTarget(const aicc_device *candidate) const;

  aicc_instance *instance = nullptr;
  const aicc_device *device = nullptr;
  aicc_module *module = nullptr;
  const aicc_function *function = nullptr;
  aicc_context *context = nullptr;
  std::vector<aicc_tensor *> inputs, outputs;
  std::vector<DimBounds> dims;
  std::string modulePath;
  std::string temporary; // module to delete in the end
  uint64_t runFlags = 0;
};

/// Compiles, with progress on a terminal, and reports errors one a line. Throws a Failure if it did not
/// succeed.
CompileResult compileOrFail(CompileOptions options, bool verbose);

/// "1.5 MB".
std::string formatBytes(uint64_t bytes);

} // namespace aicc::tool

#endif

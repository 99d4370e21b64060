//===- TestModule.h - small modules for the runtime's tests ------------------------------===//
//
// Builders on top of ModuleWriter, and handles of the C ABI that clean up after themselves.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_TEST_RUNTIME_TESTMODULE_H
#define AICC_TEST_RUNTIME_TESTMODULE_H

#include "aicc/ModuleWriter.h"
#include "aicc/runtime.h"

#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace aicc::test {

/// The entries of kernels.c, in its order.
enum Kernel : uint32_t { Add, Scale, Visit, Scratch, Compact, Burn, Nothing };

std::vector<uint8_t> readFile(const std::string &path);
/// The image made from kernels.c.
const std::vector<uint8_t> &kernelImage();
/// A path in the tests' temporary folder; the folder is made.
std::string temporaryPath(const std::string &name);

inline Operand reg(uint32_t number) { return Operand::reg(number); }
inline Operand imm(int64_t value) { return Operand::imm(value); }

/// "name: f32[dims]"; -1 - s stands for symbol s.
TensorType f32(const std::string &name, const std::vector<int64_t> &dims);
/// An instance that runs everywhere, with the kernels as executable 0.
Instance makeInstance(ModuleWriter &writer, const std::string &target = "cpu:x86-64");
/// Writes a module of one instance with this function; returns its path.
std::string writeModule(const std::string &name, Function function,
                        const std::function<void(ModuleWriter &, Instance &)> &more = {});

/// main(a: f32[n], b: f32[n]) -> f32[n] = a + b, split into workgroups of 16 elements; n from 1 to 2^20.
Function makeAddFunction();

struct Deleter {
  void operator()(aicc_instance *p) const { aicc_instance_destroy(p); }
  void operator()(aicc_module *p) const { aicc_module_destroy(p); }
  void operator()(aicc_context *p) const { aicc_context_destroy(p); }
  void operator()(aicc_tensor *p) const { aicc_tensor_release(p); }
  void operator()(aicc_state *p) const { aicc_state_destroy(p); }
  void operator()(aicc_event *p) const { aicc_event_destroy(p); }
};
template <typename T> using Handle = std::unique_ptr<T, Deleter>;

/// Takes the status; true when it is null, else a failure with its message.
testing::AssertionResult ok(aicc_status *status);
/// Takes the status; true when it has this code and its message contains `part`.
testing::AssertionResult failsWith(aicc_status *status, aicc_status_code code, const std::string &part = "");

/// Has the cpu's device and the mock's (MockDriver.h).
Handle<aicc_instance> makeRuntime(uint32_t threads = 2);

/// The device that sessions run on: "cpu", or what this program's main file sets.
std::string &sessionDevice();

/// An instance, a module and a context on the session's device. Tensors are the host's.
struct Session {
  Handle<aicc_instance> instance;
  const aicc_device *device = nullptr;
  Handle<aicc_module> module;
  Handle<aicc_context> context;
  const aicc_function *function = nullptr;

  explicit Session(const std::string &path, uint32_t threads = 2,
                   const std::string &deviceName = sessionDevice());

  Handle<aicc_tensor> tensor(const std::vector<int64_t> &dims, const std::vector<float> &values) const;
  /// Runs with new outputs; returns the status for ok() or failsWith().
  aicc_status *run(const std::vector<aicc_tensor *> &inputs, std::vector<Handle<aicc_tensor>> &outputs,
                   const aicc_run_options *options = nullptr) const;
};

/// The elements, wherever they are.
std::vector<float> values(const aicc_tensor *tensor);
/// A copy on `device` (null: the host).
Handle<aicc_tensor> copyTo(const aicc_tensor *tensor, const aicc_device *device);
std::vector<int64_t> dims(const aicc_tensor *tensor);

/// DLManagedTensor, as DLPack's ABI has it.
struct DLTensorMirror {
  void *data;
  int32_t deviceType, deviceId, ndim;
  uint8_t code, bits;
  uint16_t lanes;
  int64_t *shape, *strides;
  uint64_t byteOffset;
  void *context;
  void (*deleter)(DLTensorMirror *self);
};

} // namespace aicc::test

#endif // AICC_TEST_RUNTIME_TESTMODULE_H

// The Python extension: the runtime's handles and the compile driver as classes, no more. What Python users
// see is in aicc/__init__.py, which turns arrays into tensors and back. Calls that take long release the
// interpreter's lock.

#include "aicc/Compiler.h"
#include "aicc/runtime.h"

#include <memory>
#include <mutex>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#include <optional>
#include <stdexcept>

namespace nb = nanobind;

namespace {

/// A status that Python sees as the exception that its code names.
struct Failure : std::runtime_error {
  Failure(aicc_status_code code, const std::string &message) : std::runtime_error(message), code(code) {}
  aicc_status_code code;
};

void check(aicc_status *status) {
  if (!status)
    return;
  Failure failure(aicc_status_get_code(status), aicc_status_get_message(status));
  aicc_status_destroy(status);
  throw failure;
}

template <typename T> T makeInfo() {
  T info = {};
  info.struct_size = sizeof(T);
  return info;
}

struct Instance {
  aicc_instance *handle = nullptr;

  explicit Instance(uint32_t threads) {
    auto options = makeInfo<aicc_instance_options>();
    options.thread_count = threads;
    nb::gil_scoped_release release;
    check(aicc_instance_create(&options, &handle));
  }
  Instance(const Instance &) = delete;
  ~Instance() { aicc_instance_destroy(handle); }

  const aicc_device *find(const std::string &name) const {
    const aicc_device *device = nullptr;
    check(aicc_instance_find_device(handle, name.c_str(), &device));
    return device;
  }
};

nb::dict describe(const aicc_device *device) {
  auto info = makeInfo<aicc_device_info>();
  check(aicc_device_get_info(device, &info));
  nb::dict result;
  result["id"] = info.id;
  result["name"] = info.name;
  result["architecture"] = info.architecture;
  result["formats"] = info.formats;
  result["features"] = info.features;
  result["memory"] = info.memory_size;
  result["threads"] = info.thread_count;
  result["speed"] = info.speed_class;
  result["driver_version"] = info.driver_version;
  result["matrix_units"] = info.matrix_units;
  return result;
}

/// One reference to a tensor of an instance.
struct Tensor {
  std::shared_ptr<Instance> instance;
  aicc_tensor *handle = nullptr;

  Tensor(std::shared_ptr<Instance> instance, aicc_tensor *handle)
      : instance(std::move(instance)), handle(handle) {}
  Tensor(Tensor &&other) noexcept : instance(std::move(other.instance)), handle(other.handle) {
    other.handle = nullptr;
  }
  Tensor(const Tensor &) = delete;
  ~Tensor() { aicc_tensor_release(handle); }

  aicc_tensor_info info() const {
    auto info = makeInfo<aicc_tensor_info>();
    check(aicc_tensor_get_info(handle, &info));
    return info;
  }
};

void releaseBuffer(void *user) {
  auto *view = static_cast<Py_buffer *>(user);
  // Whoever ends the last use may be a thread that Python does not know, or the interpreter may be gone.
  if (Py_IsInitialized()) {
    nb::gil_scoped_acquire acquire;
    PyBuffer_Release(view);
  }
  delete view;
}

/// A tensor on the memory of an object with the buffer protocol, whose elements are of type `type`.
Tensor wrapBuffer(std::shared_ptr<Instance> instance, nb::handle object, int type) {
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(object.ptr(), view.get(), PyBUF_STRIDES | PyBUF_FORMAT))
    throw nb::python_error();
  std::vector<int64_t> dims(view->shape, view->shape + view->ndim), strides;
  int64_t bytes = aicc_element_type_bits(static_cast<aicc_element_type>(type)) / 8, span = bytes;
  bool fits = bytes > 0 && view->itemsize == bytes;
  for (int i = 0; i < view->ndim && fits; ++i) {
    fits = view->strides[i] >= 0 && view->strides[i] % bytes == 0;
    strides.push_back(view->strides[i] / bytes);
    span = dims[i] == 0 ? span : span + (dims[i] - 1) * view->strides[i];
  }
  if (!fits) {
    PyBuffer_Release(view.get());
    throw Failure(AICC_STATUS_INVALID_ARGUMENT, "the array's memory layout is not one that can be used");
  }
  static char nothing[64];
  void *data = view->buf ? view->buf : nothing;
  aicc_tensor *tensor = nullptr;
  Py_buffer *kept = view.release();
  if (aicc_status *status = aicc_tensor_wrap(
          instance->handle, static_cast<aicc_element_type>(type), static_cast<uint32_t>(dims.size()),
          dims.data(), strides.data(), data, static_cast<uint64_t>(span), releaseBuffer, kept, &tensor)) {
    releaseBuffer(kept);
    check(status);
  }
  return Tensor(std::move(instance), tensor);
}

/// A tensor on what a DLPack capsule holds, which it takes over.
Tensor importDLPack(std::shared_ptr<Instance> instance, nb::handle capsule) {
  auto *managed = static_cast<DLManagedTensor *>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"));
  if (!managed)
    throw nb::python_error();
  aicc_tensor *tensor = nullptr;
  check(aicc_tensor_import_dlpack(instance->handle, managed, &tensor));
  PyCapsule_SetName(capsule.ptr(), "used_dltensor");
  return Tensor(std::move(instance), tensor);
}

/// The part of DLManagedTensor (dlpack.h) that a capsule's destructor needs.
struct ManagedTensor {
  struct {
    void *data;
    int32_t deviceType, deviceId, ndim;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape, *strides;
    uint64_t offset;
  } tensor;
  void *context;
  void (*deleter)(ManagedTensor *self);
};

nb::object exportDLPack(const Tensor &tensor) {
  DLManagedTensor *managed = nullptr;
  check(aicc_tensor_export_dlpack(tensor.handle, &managed));
  PyObject *capsule = PyCapsule_New(managed, "dltensor", [](PyObject *object) {
    if (PyCapsule_IsValid(object, "used_dltensor"))
      return;
    auto *unused = static_cast<ManagedTensor *>(PyCapsule_GetPointer(object, "dltensor"));
    if (unused)
      unused->deleter(unused);
    else
      PyErr_WriteUnraisable(object);
  });
  if (!capsule)
    throw nb::python_error();
  return nb::steal(capsule);
}

aicc_device_info infoOf(const aicc_device *device) {
  auto info = makeInfo<aicc_device_info>();
  check(aicc_device_get_info(device, &info));
  return info;
}

/// (device type, device index) of DLPack.
std::tuple<int, int> getDLPackDevice(const Tensor &tensor) {
  auto info = tensor.info();
  if (!info.device)
    return {1, 0};
  auto device = infoOf(info.device);
  if (device.capabilities & AICC_DRIVER_HOST_MEMORY)
    return {1, 0};
  if (!device.dlpack_type)
    throw Failure(AICC_STATUS_UNSUPPORTED,
                  std::string("DLPack has no name for memory of device ") + device.id);
  return {device.dlpack_type, device.dlpack_id};
}

/// The tensor itself where the host reaches it, else a copy.
Tensor toHost(const Tensor &tensor) {
  auto info = tensor.info();
  if (!info.device || infoOf(info.device).capabilities & AICC_DRIVER_HOST_MEMORY)
    return Tensor(tensor.instance, aicc_tensor_retain(tensor.handle));
  aicc_tensor *here = nullptr;
  {
    nb::gil_scoped_release release;
    check(aicc_tensor_copy_to(tensor.handle, nullptr, &here));
  }
  return Tensor(tensor.instance, here);
}

/// Memory of the tensor as numpy's unsigned integers of the elements' size; the array keeps it alive.
nb::object getBits(const Tensor &tensor) {
  auto *owner = new Tensor(toHost(tensor));
  nb::capsule capsule(owner, [](void *pointer) noexcept { delete static_cast<Tensor *>(pointer); });
  auto info = owner->info();
  std::vector<size_t> shape(info.dims, info.dims + info.rank);
  std::vector<int64_t> strides(info.strides, info.strides + info.rank);
  nb::dlpack::dtype type{static_cast<uint8_t>(nb::dlpack::dtype_code::UInt),
                         static_cast<uint8_t>(aicc_element_type_bits(info.element_type)), 1};
  static char nothing[64];
  return nb::cast(nb::ndarray<nb::numpy>(info.data ? info.data : nothing, shape.size(), shape.data(), capsule,
                                         strides.data(), type));
}

/// (name, element type, sizes with -1 for what is known when it runs, names of dimensions)
using ValueTuple = std::tuple<std::string, int, std::vector<int64_t>, std::vector<std::string>>;

ValueTuple describe(const aicc_value_info &info) {
  return {info.name,
          info.element_type,
          {info.dims, info.dims + info.rank},
          {info.dim_names, info.dim_names + info.rank}};
}

/// A module with a pool of contexts, one for each thread that runs it at a time.
struct Module {
  std::shared_ptr<Instance> instance;
  aicc_module *handle = nullptr;
  const aicc_function *function = nullptr;
  std::mutex mutex;
  std::vector<aicc_context *> idle;

  Module(std::shared_ptr<Instance> owner, const std::string &path, const std::string &device,
         const std::string &target)
      : instance(std::move(owner)) {
    auto options = makeInfo<aicc_module_options>();
    const bool isAuto = device.empty() || device == "auto";
    if (isAuto)
      options.flags = AICC_MODULE_AUTO_DEVICE;
    if (!target.empty())
      options.target = target.c_str();
    const aicc_device *wanted = isAuto ? nullptr : instance->find(device);
    nb::gil_scoped_release release;
    check(aicc_module_load_file(instance->handle, wanted, path.c_str(), &options, &handle));
    if (aicc_status *status = aicc_module_find_function(handle, nullptr, &function)) {
      aicc_module_destroy(handle);
      check(status);
    }
  }
  Module(const Module &) = delete;
  ~Module() {
    for (aicc_context *context : idle)
      aicc_context_destroy(context);
    aicc_module_destroy(handle);
  }

  std::vector<ValueTuple> getValues(bool inputs) const {
    std::vector<ValueTuple> values;
    uint32_t count = inputs ? aicc_function_arg_count(function) : aicc_function_result_count(function);
    for (uint32_t i = 0; i < count; ++i) {
      auto info = makeInfo<aicc_value_info>();
      check(inputs ? aicc_function_get_arg(function, i, &info)
                   : aicc_function_get_result(function, i, &info));
      values.push_back(describe(info));
    }
    return values;
  }

  std::string getTarget() const {
    auto info = makeInfo<aicc_module_info>();
    check(aicc_module_get_info(handle, &info));
    auto target = makeInfo<aicc_target_info>();
    check(aicc_module_get_target(handle, static_cast<uint32_t>(info.target_index), &target));
    return target.target;
  }

  std::vector<Tensor> run(const std::vector<const Tensor *> &inputs, bool deviceOutputs, int64_t deadline) {
    std::vector<aicc_tensor *> in, out(aicc_function_result_count(function), nullptr);
    // Other threads may drop theirs while this one runs.
    std::vector<Tensor> kept;
    for (const Tensor *input : inputs) {
      if (!input)
        throw Failure(AICC_STATUS_INVALID_ARGUMENT, "an input is None");
      kept.emplace_back(input->instance, aicc_tensor_retain(input->handle));
      in.push_back(input->handle);
    }
    auto options = makeInfo<aicc_run_options>();
    options.flags = deviceOutputs ? AICC_RUN_DEVICE_OUTPUTS : 0;
    options.deadline_ns = deadline;
    {
      nb::gil_scoped_release release;
      aicc_context *context = take();
      aicc_status *status = aicc_context_run(context, function, in.data(), static_cast<uint32_t>(in.size()),
                                             out.data(), static_cast<uint32_t>(out.size()), &options);
      {
        std::lock_guard<std::mutex> lock(mutex);
        idle.push_back(context);
      }
      check(status);
    }
    std::vector<Tensor> results;
    for (aicc_tensor *tensor : out)
      results.emplace_back(instance, tensor);
    return results;
  }

private:
  aicc_context *take() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (!idle.empty()) {
        aicc_context *context = idle.back();
        idle.pop_back();
        return context;
      }
    }
    aicc_context *context = nullptr;
    check(aicc_context_create(handle, nullptr, &context));
    return context;
  }
};

/// (exit code, errors, warnings) of a compilation to `output`.
std::tuple<int, std::vector<std::string>, std::vector<std::string>>
compile(const std::string &input, const std::string &output, const std::string &targets,
        const std::vector<std::tuple<std::string, int64_t, int64_t>> &dims, unsigned threads) {
  aicc::CompileOptions options;
  options.input = input;
  options.output = output;
  options.targets = targets;
  for (const auto &[name, min, max] : dims)
    options.dims.push_back({name, min, max});
  options.threads = threads;
  nb::gil_scoped_release release;
  aicc::CompileResult result = aicc::compile(options);
  return {static_cast<int>(result.status), result.errors, result.warnings};
}

} // namespace

NB_MODULE(_aicc, m) {
  m.doc() = "The handles of aicc; use the package `aicc`.";
  nb::set_leak_warnings(false);

  static nb::exception<Failure> failure(m, "StatusError");
  nb::register_exception_translator([](const std::exception_ptr &pointer, void *) {
    try {
      std::rethrow_exception(pointer);
    } catch (const Failure &error) {
      nb::object value = failure(error.what());
      value.attr("code") = static_cast<int>(error.code);
      PyErr_SetObject(failure.ptr(), value.ptr());
    }
  });

  nb::class_<Instance>(m, "Instance")
      .def(nb::init<uint32_t>(), nb::arg("threads") = 0)
      .def("devices",
           [](const Instance &self) {
             nb::list devices;
             for (uint32_t i = 0; i < aicc_instance_device_count(self.handle); ++i)
               devices.append(describe(aicc_instance_get_device(self.handle, i)));
             return devices;
           })
      .def("device", [](const Instance &self, const std::string &name) { return describe(self.find(name)); });

  nb::class_<Tensor>(m, "Tensor")
      .def_static("wrap", &wrapBuffer)
      .def_static("from_dlpack", &importDLPack)
      .def("to_dlpack", &exportDLPack)
      .def("dlpack_device", &getDLPackDevice)
      .def("bits", &getBits)
      .def("type", [](const Tensor &self) { return static_cast<int>(self.info().element_type); })
      .def("shape", [](const Tensor &self) {
        auto info = self.info();
        return std::vector<int64_t>(info.dims, info.dims + info.rank);
      });

  nb::class_<Module>(m, "Module")
      .def(nb::init<std::shared_ptr<Instance>, const std::string &, const std::string &,
                    const std::string &>())
      .def("values", &Module::getValues)
      .def("target", &Module::getTarget)
      .def("device", [](const Module &self) { return describe(aicc_module_get_device(self.handle)); })
      .def("run", &Module::run);

  m.def("compile", &compile);
  m.def("find_target", [](const std::vector<std::string> &formats, const std::vector<std::string> &features) {
    return aicc::findTargetFor(formats, features);
  });
  m.def("targets", [] {
    std::vector<std::tuple<std::string, std::vector<std::string>>> targets;
    for (const aicc::TargetInfo &info : aicc::getTargetInfos())
      targets.emplace_back(info.name, info.architectures);
    return targets;
  });
  m.def("type_name", [](int type) { return aicc_element_type_name(static_cast<aicc_element_type>(type)); });
  m.def("version", &aicc_runtime_version);
}

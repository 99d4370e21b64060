//===- run_module.cpp - a compiled model against saved results, by the runtime alone ------------===//
//
//   run_module MODULE DEVICE [--case FOLDER --tolerance T] [--seconds S] [--dim NAME=SIZE...]
//
// Runs a module where there is no compiler and no Python package: on a machine with the device that
// scripts/gpu_check.sh is for. With --case, FOLDER/inputs.txt and FOLDER/outputs.txt name a .npy file a line,
// behind the value's name and a tab; the outputs are compared. With --seconds the time of a run is measured,
// with inputs and outputs in the device's memory; inputs that no case gives are random, with symbolic sizes
// from --dim. Prints one JSON object, and ends with 1 when something is wrong.
//
//===--------------------------------------------------------------------------------------===//
#include "aicc/runtime.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace {

struct Array {
  aicc_element_type type = AICC_TYPE_INVALID;
  std::vector<int64_t> dims;
  std::vector<char> data;
};

std::string module, device, failure;

std::string quote(const std::string &text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      quoted += '\\';
    quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return quoted + "\"";
}

/// Prints what is known and ends the program.
[[noreturn]] void finish(const std::string &fields) {
  std::printf("{\"module\": %s, \"device\": %s, \"ok\": %s%s%s}\n", quote(module).c_str(),
              quote(device).c_str(), failure.empty() ? "true" : "false",
              failure.empty() ? "" : (", \"reason\": " + quote(failure)).c_str(), fields.c_str());
  std::fflush(stdout);
  std::_Exit(failure.empty() ? 0 : 1);
}

[[noreturn]] void fail(const std::string &reason) {
  failure = reason;
  finish("");
}

void check(aicc_status *status, const char *what) {
  if (status)
    fail(std::string(what) + ": " + aicc_status_get_message(status));
}

/// Reads version 1 and 2 of numpy's format, little endian and in C order.
Array readArray(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (bytes.size() < 12 || bytes.compare(0, 6, "\x93NUMPY") != 0)
    fail(path + " is no .npy file");
  const bool isOld = bytes[6] == 1;
  uint32_t length = 0;
  std::memcpy(&length, &bytes[8], isOld ? 2 : 4);
  const size_t start = isOld ? 10 : 12;
  const std::string header = bytes.substr(start, length);
  static const std::map<std::string, aicc_element_type> types = {
      {"<f8", AICC_TYPE_F64}, {"<f4", AICC_TYPE_F32}, {"<f2", AICC_TYPE_F16}, {"<i8", AICC_TYPE_I64},
      {"<i4", AICC_TYPE_I32}, {"<i2", AICC_TYPE_I16}, {"|i1", AICC_TYPE_I8},  {"<u8", AICC_TYPE_U64},
      {"<u4", AICC_TYPE_U32}, {"<u2", AICC_TYPE_U16}, {"|u1", AICC_TYPE_U8},  {"|b1", AICC_TYPE_BOOL}};
  Array array;
  for (const auto &[name, type] : types)
    if (header.find("'" + name + "'") != std::string::npos)
      array.type = type;
  const size_t open = header.find('('), end = header.find(')');
  if (array.type == AICC_TYPE_INVALID || open == std::string::npos ||
      header.find("'fortran_order': False") == std::string::npos)
    fail(path + " has a type or an order that is not known here");
  uint64_t count = 1;
  for (size_t at = open + 1; at < end;) {
    char *next = nullptr;
    const long long size = std::strtoll(&header[at], &next, 10);
    if (next == &header[at])
      break;
    array.dims.push_back(size);
    count *= static_cast<uint64_t>(size);
    at = static_cast<size_t>(next - header.data());
    while (at < end && (header[at] == ',' || header[at] == ' '))
      ++at;
  }
  array.data.assign(bytes.begin() + static_cast<int64_t>(start + length), bytes.end());
  if (array.data.size() != count * aicc_element_type_bits(array.type) / 8)
    fail(path + " has another size than its header says");
  return array;
}

/// name -> file of a list.
std::map<std::string, std::string> readList(const std::string &folder, const char *name) {
  std::ifstream file(folder + "/" + name);
  std::map<std::string, std::string> list;
  std::string line;
  while (std::getline(file, line))
    if (size_t tab = line.find('\t'); tab != std::string::npos)
      list[line.substr(0, tab)] = folder + "/" + line.substr(tab + 1);
  if (list.empty())
    fail(folder + "/" + name + " is missing or empty");
  return list;
}

double halfToDouble(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023;
  const double value = exponent == 31 ? (fraction != 0 ? NAN : INFINITY)
                       : exponent     ? std::ldexp(1024 + fraction, exponent - 25)
                                      : std::ldexp(fraction, -24);
  return bits >> 15 ? -value : value;
}

double elementAt(aicc_element_type type, const char *data, uint64_t i) {
  if (type == AICC_TYPE_F64)
    return reinterpret_cast<const double *>(data)[i];
  if (type == AICC_TYPE_F32)
    return static_cast<double>(reinterpret_cast<const float *>(data)[i]);
  return halfToDouble(reinterpret_cast<const uint16_t *>(data)[i]);
}

/// The largest error relative to the largest value; says in `failure` what is not equal.
double compare(const std::string &name, const Array &want, const aicc_tensor_info &got, const char *data,
               double tolerance) {
  if (want.type != got.element_type || want.dims != std::vector<int64_t>(got.dims, got.dims + got.rank)) {
    failure = name + " has another type or shape";
    return 0;
  }
  if (want.type != AICC_TYPE_F64 && want.type != AICC_TYPE_F32 && want.type != AICC_TYPE_F16) {
    if (std::memcmp(want.data.data(), data, want.data.size()) != 0)
      failure = name + " differs";
    return 0;
  }
  const uint64_t count = want.data.size() * 8 / aicc_element_type_bits(want.type);
  double error = 0, top = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const double a = elementAt(want.type, want.data.data(), i), b = elementAt(want.type, data, i);
    if (std::isfinite(a) && std::isfinite(b)) {
      error = std::max(error, std::abs(a - b));
      top = std::max(top, std::abs(a));
    } else if (!(std::isnan(a) && std::isnan(b)) && a != b) {
      failure = name + " differs in what is not finite";
    }
  }
  if (error > tolerance * top)
    failure = name + " has an error of " + std::to_string(error) + " where the largest value is " +
              std::to_string(top);
  return top > 0 ? error / top : 0;
}

/// Values between -1 and 1, and small integers.
Array randomArray(const aicc_value_info &value, const std::map<std::string, int64_t> &sizes) {
  Array array;
  array.type = value.element_type;
  uint64_t count = 1;
  for (uint32_t i = 0; i < value.rank; ++i) {
    int64_t size = value.dims[i];
    if (size < 0) {
      auto found = sizes.find(value.dim_names[i]);
      if (found == sizes.end())
        fail(std::string("--dim ") + value.dim_names[i] + "=SIZE is missing");
      size = found->second;
    }
    array.dims.push_back(size);
    count *= static_cast<uint64_t>(size);
  }
  array.data.resize(count * aicc_element_type_bits(array.type) / 8);
  uint32_t seed = 12345;
  const auto next = [&seed] { return seed = seed * 1664525 + 1013904223; };
  const auto set = [&](uint64_t i, auto number) {
    std::memcpy(&array.data[i * sizeof(number)], &number, sizeof(number));
  };
  for (uint64_t i = 0; i < count; ++i) {
    const float f = static_cast<float>(next() >> 8) / 8388608.0f - 1;
    uint32_t bits;
    std::memcpy(&bits, &f, 4);
    switch (array.type) {
    case AICC_TYPE_F64:
      set(i, static_cast<double>(f));
      break;
    case AICC_TYPE_F32:
      set(i, f);
      break;
    case AICC_TYPE_BF16:
      set(i, static_cast<uint16_t>(bits >> 16));
      break;
    case AICC_TYPE_F16:
      set(i, static_cast<uint16_t>((bits >> 16 & 0x8000) | 0x3000 | (bits >> 13 & 0x3ff)));
      break;
    case AICC_TYPE_I64:
      set(i, static_cast<int64_t>(next() >> 28));
      break;
    case AICC_TYPE_I32:
      set(i, static_cast<int32_t>(next() >> 28));
      break;
    default:
      break; // zeros
    }
  }
  return array;
}

aicc_tensor *toDevice(aicc_instance *instance, const aicc_device *to, Array &array) {
  aicc_tensor *host = nullptr, *copy = nullptr;
  check(aicc_tensor_wrap(instance, array.type, static_cast<uint32_t>(array.dims.size()), array.dims.data(),
                         nullptr, array.data.data(), array.data.size(), nullptr, nullptr, &host),
        "an input");
  check(aicc_tensor_copy_to(host, to, &copy), "copying an input");
  aicc_tensor_release(host);
  return copy;
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 3) {
    std::fprintf(
        stderr,
        "usage: run_module MODULE DEVICE [--case FOLDER --tolerance T] [--seconds S] [--dim NAME=SIZE...]\n");
    return 2;
  }
  module = argv[1];
  device = argv[2];
  std::string folder;
  double tolerance = 1e-4, seconds = 0;
  std::map<std::string, int64_t> sizes;
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--case")
      folder = value;
    else if (name == "--tolerance")
      tolerance = std::atof(value.c_str());
    else if (name == "--seconds")
      seconds = std::atof(value.c_str());
    else if (name == "--dim")
      sizes[value.substr(0, value.find('='))] = std::atoll(value.c_str() + value.find('=') + 1);
    else
      fail("unknown option " + name);
  }

  aicc_instance *instance = nullptr;
  check(aicc_instance_create(nullptr, &instance), "the runtime");
  const aicc_device *on = nullptr;
  check(aicc_instance_find_device(instance, device.c_str(), &on), "the device");
  aicc_module *loaded = nullptr;
  check(aicc_module_load_file(instance, on, module.c_str(), nullptr, &loaded), "loading");
  const aicc_function *function = nullptr;
  check(aicc_module_find_function(loaded, nullptr, &function), "its function");
  aicc_context *context = nullptr;
  check(aicc_context_create(loaded, nullptr, &context), "a context");

  std::map<std::string, std::string> given;
  if (!folder.empty())
    given = readList(folder, "inputs.txt");
  std::vector<Array> arrays(aicc_function_arg_count(function));
  std::vector<aicc_tensor *> inputs;
  for (uint32_t i = 0; i < arrays.size(); ++i) {
    aicc_value_info value = {};
    value.struct_size = sizeof(value);
    check(aicc_function_get_arg(function, i, &value), "an argument");
    auto found = given.find(value.name);
    arrays[i] = found == given.end() ? randomArray(value, sizes) : readArray(found->second);
    inputs.push_back(toDevice(instance, on, arrays[i]));
  }
  std::vector<aicc_tensor *> outputs(aicc_function_result_count(function));
  aicc_run_options options = {};
  options.struct_size = sizeof(options);
  options.flags = AICC_RUN_DEVICE_OUTPUTS;
  const auto run = [&] {
    check(aicc_context_run(context, function, inputs.data(), static_cast<uint32_t>(inputs.size()),
                           outputs.data(), static_cast<uint32_t>(outputs.size()), &options),
          "running");
  };
  run();

  std::string fields;
  if (!folder.empty()) {
    const std::map<std::string, std::string> wanted = readList(folder, "outputs.txt");
    double worst = 0;
    for (uint32_t i = 0; i < outputs.size(); ++i) {
      aicc_value_info value = {};
      value.struct_size = sizeof(value);
      check(aicc_function_get_result(function, i, &value), "a result");
      auto found = wanted.find(value.name);
      if (found == wanted.end())
        fail(std::string("nothing to compare ") + value.name + " with");
      aicc_tensor *host = nullptr;
      check(aicc_tensor_copy_to(outputs[i], nullptr, &host), "copying an output");
      aicc_tensor_info info = {};
      info.struct_size = sizeof(info);
      check(aicc_tensor_get_info(host, &info), "an output");
      worst = std::max(worst, compare(value.name, readArray(found->second), info,
                                      static_cast<const char *>(info.data), tolerance));
      aicc_tensor_release(host);
    }
    char text[64];
    std::snprintf(text, sizeof(text), ", \"max_error\": %.3g", worst);
    fields += text;
  }
  if (seconds > 0) {
    using Clock = std::chrono::steady_clock;
    std::vector<double> times;
    for (int i = 0; i < 3; ++i)
      run();
    const auto start = Clock::now();
    while (times.size() < 10 || std::chrono::duration<double>(Clock::now() - start).count() < seconds) {
      const auto before = Clock::now();
      run();
      times.push_back(std::chrono::duration<double>(Clock::now() - before).count());
    }
    std::sort(times.begin(), times.end());
    char text[160];
    std::snprintf(
        text, sizeof(text), ", \"median_ms\": %.6f, \"min_ms\": %.6f, \"p90_ms\": %.6f, \"runs\": %zu",
        times[times.size() / 2] * 1e3, times[0] * 1e3, times[times.size() * 9 / 10] * 1e3, times.size());
    fields += text;
  }
  for (aicc_tensor *tensor : inputs)
    aicc_tensor_release(tensor);
  for (aicc_tensor *tensor : outputs)
    aicc_tensor_release(tensor);
  aicc_context_destroy(context);
  aicc_module_destroy(loaded);
  uint64_t used = 0, available = 0;
  if (!failure.empty())
    finish(fields);
  check(aicc_device_get_memory(on, &used, &available), "asking for the device's memory");
  if (used)
    failure = std::to_string(used) + " bytes of device memory are left";
  finish(fields);
}

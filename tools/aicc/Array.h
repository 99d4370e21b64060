// Tensors in this tool's hands: bytes with a type and sizes, their elements as numbers, and .npy files of
// them.

#ifndef AICC_TOOLS_ARRAY_H
#define AICC_TOOLS_ARRAY_H

#include "aicc/types.h"
#include <cstdint>
#include <string>
#include <vector>

namespace aicc::tool {

/// Row-major and dense.
struct Array {
  aicc_element_type type = AICC_TYPE_INVALID;
  std::vector<int64_t> dims;
  std::vector<char> bytes;

  Array() = default;
  /// Zeros.
  Array(aicc_element_type type, std::vector<int64_t> dims);
  int64_t size() const;
  /// Elements as numbers; integers beyond 2^53 lose digits.
  double get(int64_t index) const;
  void set(int64_t index, double value);
};

bool isFloat(aicc_element_type type);
/// A type without arithmetic: floats of 8 bits or fewer, integers of fewer than 8.
bool isNarrow(aicc_element_type type);
/// "2x3xf32"; sizes below 0 are shown as `?`.
std::string toText(aicc_element_type type, const std::vector<int64_t> &dims);
/// AICC_TYPE_INVALID if there is no such type: "f32", "i64", "bool", "f8e4m3fn".
aicc_element_type parseType(const std::string &name);

/// Reads versions 1 to 3, row- or column-major, either byte order. Types that numpy lacks (bf16, and those of
/// 8 bits or fewer, a byte each) are read from opaque bytes, as Python's ml_dtypes writes them, or unsigned
/// integers, as writeNpy does, where they are `wanted`. Throws a Failure that names the file.
Array readNpy(const std::string &path, aicc_element_type wanted);
/// Types that numpy lacks are written as unsigned integers of their bits. Throws a Failure.
void writeNpy(const std::string &path, const Array &array);

} // namespace aicc::tool

#endif

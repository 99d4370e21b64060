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
/// "2x3xf32"; sizes below 0 are shown as `?`.
std::string toText(aicc_element_type type, const std::vector<int64_t> &dims);
/// AICC_TYPE_INVALID if there is no such type: "f32", "i64", "bool".
aicc_element_type parseType(const std::string &name);

/// Reads versions 1 to 3, row- or column-major, either byte order; 2 opaque bytes are a bf16. Throws a
/// Failure that names the file.
Array readNpy(const std::string &path);
/// The same, where 16-bit integers are the bits of bf16 if that is `wanted`: what writeNpy makes of them.
Array readNpy(const std::string &path, aicc_element_type wanted);
/// bf16 is written as its 16 bits (u2), which numpy has no type for. Throws a Failure.
void writeNpy(const std::string &path, const Array &array);

} // namespace aicc::tool

#endif

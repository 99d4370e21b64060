// numpy's .npy files (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

#include "tools/aicc/Array.h"
#include "tools/aicc/Failure.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace aicc::tool {

static constexpr char kMagic[] = "\x93NUMPY";

namespace {
struct Header {
  std::string descr;
  bool columnMajor = false;
  std::vector<int64_t> dims;
};
} // namespace

/// The text behind `'key':` in the header's Python dictionary.
static std::string findValue(const std::string &header, const std::string &key, const std::string &path) {
  size_t at = header.find("'" + key + "'");
  if (at == std::string::npos)
    at = header.find("\"" + key + "\"");
  size_t colon = at == std::string::npos ? at : header.find(':', at);
  if (colon == std::string::npos)
    throw Failure{kDataError, path + " is not a .npy file that can be read: its header has no " + key};
  size_t begin = header.find_first_not_of(' ', colon + 1);
  return begin == std::string::npos ? "" : header.substr(begin);
}

static Header parseHeader(const std::string &text, const std::string &path) {
  Header header;
  std::string descr = findValue(text, "descr", path);
  char quote = descr.empty() ? 0 : descr[0];
  size_t end = quote == '\'' || quote == '"' ? descr.find(quote, 1) : std::string::npos;
  if (end == std::string::npos)
    throw Failure{kDataError, path + ": structured arrays cannot be read"};
  header.descr = descr.substr(1, end - 1);
  header.columnMajor = findValue(text, "fortran_order", path).rfind("True", 0) == 0;
  std::string shape = findValue(text, "shape", path);
  size_t close = shape.find(')');
  if (shape.empty() || shape[0] != '(' || close == std::string::npos)
    throw Failure{kDataError, path + ": the shape in its header cannot be read"};
  int64_t total = 1;
  for (size_t at = 1; at < close;) {
    size_t next = std::min(shape.find(',', at), close);
    std::string number = shape.substr(at, next - at);
    if (number.find_first_not_of(' ') != std::string::npos) {
      header.dims.push_back(std::strtoll(number.c_str(), nullptr, 10));
      if (header.dims.back() < 0 ||
          __builtin_mul_overflow(total, std::max<int64_t>(header.dims.back(), 1), &total))
        throw Failure{kDataError, path + ": the shape in its header is not possible"};
    }
    at = next + 1;
  }
  return header;
}

static aicc_element_type parseDescr(const std::string &descr, aicc_element_type wanted) {
  static const std::pair<const char *, aicc_element_type> table[] = {
      {"f8", AICC_TYPE_F64}, {"f4", AICC_TYPE_F32}, {"f2", AICC_TYPE_F16}, {"i8", AICC_TYPE_I64},
      {"i4", AICC_TYPE_I32}, {"i2", AICC_TYPE_I16}, {"i1", AICC_TYPE_I8},  {"u8", AICC_TYPE_U64},
      {"u4", AICC_TYPE_U32}, {"u2", AICC_TYPE_U16}, {"u1", AICC_TYPE_U8},  {"b1", AICC_TYPE_BOOL},
      {"V2", AICC_TYPE_BF16}};
  if (isNarrow(wanted) && descr.size() == 3 &&
      (descr.substr(1) == "V1" || descr.substr(1) == "f1" || descr.substr(1) == "u1"))
    return wanted;
  if (wanted == AICC_TYPE_BF16 && descr == "<u2")
    return wanted;
  for (auto &[code, type] : table)
    if (descr.size() == 3 && descr.substr(1) == code)
      return type;
  return descr == "?" ? AICC_TYPE_BOOL : AICC_TYPE_INVALID;
}

/// From column-major to row-major.
static void reorder(Array &array) {
  size_t width = aicc_element_type_bits(array.type) / 8, rank = array.dims.size();
  std::vector<char> from = std::move(array.bytes);
  array.bytes.resize(from.size());
  std::vector<int64_t> index(rank), strides(rank);
  int64_t stride = 1;
  for (size_t d = 0; d < rank; ++d) {
    strides[d] = stride;
    stride *= array.dims[d];
  }
  for (int64_t i = 0, count = array.size(); i < count; ++i) {
    int64_t at = 0;
    for (size_t d = 0; d < rank; ++d)
      at += index[d] * strides[d];
    std::memcpy(array.bytes.data() + static_cast<size_t>(i) * width,
                from.data() + static_cast<size_t>(at) * width, width);
    for (size_t d = rank; d-- > 0;) {
      if (++index[d] < array.dims[d])
        break;
      index[d] = 0;
    }
  }
}

Array readNpy(const std::string &path, aicc_element_type wanted) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw Failure{kDataError, "cannot read " + path + ": " + std::strerror(errno)};
  char prefix[8] = {};
  file.read(prefix, sizeof(prefix));
  int version = prefix[6];
  if (!file || std::memcmp(prefix, kMagic, 6) != 0 || version < 1 || version > 3)
    throw Failure{kDataError, path + " is not a .npy file (versions 1 to 3)"};
  unsigned char length[4] = {};
  file.read(reinterpret_cast<char *>(length), version == 1 ? 2 : 4);
  uint32_t size = length[0] | length[1] << 8 | length[2] << 16 | static_cast<uint32_t>(length[3]) << 24;
  if (!file || size > (16u << 20))
    throw Failure{kDataError, path + ": its header is damaged"};
  std::string text(size, ' ');
  file.read(text.data(), size);
  Header header = parseHeader(text, path);
  aicc_element_type type = parseDescr(header.descr, wanted);
  if (!file || type == AICC_TYPE_INVALID)
    throw Failure{kDataError, path + ": arrays of type '" + header.descr + "' cannot be read"};

  // The header's sizes are believed only as far as the file goes.
  std::streamoff begin = file.tellg();
  file.seekg(0, std::ios::end);
  int64_t available = file.tellg() - begin, count = 1, needed;
  for (int64_t dim : header.dims)
    count *= dim;
  if (__builtin_mul_overflow(count, int64_t(aicc_element_type_bits(type) / 8), &needed) || needed > available)
    throw Failure{kDataError, path + " is truncated: its header says " + toText(type, header.dims)};
  file.seekg(begin);
  Array array(type, header.dims);
  file.read(array.bytes.data(), static_cast<std::streamsize>(array.bytes.size()));
  if (!file)
    throw Failure{kDataError, "cannot read " + path + ": " + std::strerror(errno)};
  if (header.descr[0] == '>')
    for (size_t width = aicc_element_type_bits(type) / 8, at = 0; at + width <= array.bytes.size();
         at += width)
      std::reverse(array.bytes.begin() + at, array.bytes.begin() + at + width);
  if (header.columnMajor && array.dims.size() > 1)
    reorder(array);
  return array;
}

void writeNpy(const std::string &path, const Array &array) {
  const char *descr = "|u1";
  switch (array.type) {
  case AICC_TYPE_F64:
    descr = "<f8";
    break;
  case AICC_TYPE_F32:
    descr = "<f4";
    break;
  case AICC_TYPE_F16:
    descr = "<f2";
    break;
  case AICC_TYPE_BF16:
    descr = "<u2";
    break;
  case AICC_TYPE_I64:
    descr = "<i8";
    break;
  case AICC_TYPE_I32:
    descr = "<i4";
    break;
  case AICC_TYPE_I16:
    descr = "<i2";
    break;
  case AICC_TYPE_I8:
    descr = "|i1";
    break;
  case AICC_TYPE_U64:
    descr = "<u8";
    break;
  case AICC_TYPE_U32:
    descr = "<u4";
    break;
  case AICC_TYPE_U16:
    descr = "<u2";
    break;
  case AICC_TYPE_BOOL:
    descr = "|b1";
    break;
  default:
    break;
  }
  std::string header = std::string("{'descr': '") + descr + "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : array.dims)
    header += std::to_string(dim) + (array.dims.size() == 1 ? "," : ", ");
  if (array.dims.size() > 1)
    header.resize(header.size() - 2);
  header += "), }";
  // Data begins at a multiple of 64.
  while ((10 + header.size() + 1) % 64)
    header += ' ';
  header += '\n';
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  char prefix[10] = {};
  std::memcpy(prefix, kMagic, 6);
  prefix[6] = 1;
  prefix[8] = static_cast<char>(header.size() & 255);
  prefix[9] = static_cast<char>(header.size() >> 8);
  file.write(prefix, sizeof(prefix));
  file << header;
  file.write(array.bytes.data(), static_cast<std::streamsize>(array.bytes.size()));
  file.close();
  if (!file)
    throw Failure{kDataError, "cannot write " + path + ": " + std::strerror(errno)};
}

} // namespace aicc::tool

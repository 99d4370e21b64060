// Protobuf's wire format (protobuf.dev/programming-guides/encoding) and the few field numbers of onnx.proto
// that lead to tensors.

#include "frontends/onnx/WireScan.h"
#include <optional>

namespace aicc::onnx_import {
namespace {

enum class Message { Model, Graph, Node, Attribute, Function, Tensor, SparseTensor };
enum WireType : unsigned { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

/// onnx.proto nests graphs in attributes; protobuf's own parser stops at a depth of 100 messages.
constexpr unsigned maxDepth = 100;
constexpr unsigned segmentField = 3;

/// The kind of message in field `field` of `message`, if tensors can be inside it.
std::optional<Message> getNested(Message message, unsigned field) {
  switch (message) {
  case Message::Model:
    if (field == 7)
      return Message::Graph;
    if (field == 25)
      return Message::Function;
    break;
  case Message::Graph:
    if (field == 1)
      return Message::Node;
    if (field == 5)
      return Message::Tensor;
    if (field == 15)
      return Message::SparseTensor;
    break;
  case Message::Function:
    if (field == 7)
      return Message::Node;
    if (field == 11)
      return Message::Attribute;
    break;
  case Message::Node:
    if (field == 5)
      return Message::Attribute;
    break;
  case Message::Attribute:
    if (field == 5 || field == 10)
      return Message::Tensor;
    if (field == 6 || field == 11)
      return Message::Graph;
    if (field == 22 || field == 23)
      return Message::SparseTensor;
    break;
  case Message::SparseTensor:
    if (field == 1 || field == 2)
      return Message::Tensor;
    break;
  case Message::Tensor:
    break;
  }
  return std::nullopt;
}

bool isPayload(unsigned field) { return field == 9 || field == 4 || field == 10; }

void appendVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(char(value | 0x80));
  out.push_back(char(value));
}

class Scanner {
public:
  Scanner(llvm::ArrayRef<char> bytes, uint64_t limit) : bytes(bytes), limit(limit) {}

  /// Appends the message in [begin, end) to `out`, reduced.
  llvm::Error copy(Message message, uint64_t begin, uint64_t end, unsigned depth, std::string &out) {
    if (depth > maxDepth)
      return fail("is nested too deeply", begin);
    uint64_t position = begin;
    while (position < end) {
      const uint64_t start = position;
      uint64_t tag, length = 0;
      if (!readVarint(position, end, tag) || (tag >> 3) == 0 || (tag >> 3) > 0x1fffffff)
        return fail("has a malformed field", start);
      const unsigned field = tag >> 3, wire = tag & 7;
      switch (wire) {
      case Varint:
        if (!readVarint(position, end, length))
          return fail("has a malformed number", start);
        break;
      case Fixed64:
      case Fixed32:
        length = wire == Fixed64 ? 8 : 4;
        if (length > end - position)
          return fail("ends inside a number", start);
        position += length;
        break;
      case Bytes:
        if (!readVarint(position, end, length) || length > end - position)
          return fail("ends inside a field", start);
        position += length;
        break;
      default:
        return fail("has a field of unknown wire type", start);
      }
      if (wire == Bytes && length >= limit) {
        const uint64_t payload = position - length;
        if (message == Message::Tensor && isPayload(field)) {
          appendSegment(payload, position, out);
          continue;
        }
        if (std::optional<Message> nested = getNested(message, field)) {
          std::string inner;
          if (llvm::Error error = copy(*nested, payload, position, depth + 1, inner))
            return error;
          appendVarint(out, tag);
          appendVarint(out, inner.size());
          out += inner;
          continue;
        }
      }
      // A tensor's own segment (never written by any exporter) would be taken for ours.
      if (message == Message::Tensor && field == segmentField)
        continue;
      out.append(bytes.data() + start, position - start);
    }
    return llvm::Error::success();
  }

private:
  bool readVarint(uint64_t &position, uint64_t end, uint64_t &value) const {
    value = 0;
    for (unsigned shift = 0; shift < 64 && position < end; shift += 7) {
      const uint8_t byte = bytes[position++];
      value |= uint64_t(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        return true;
    }
    return false;
  }

  static void appendSegment(uint64_t begin, uint64_t end, std::string &out) {
    std::string segment;
    appendVarint(segment, 1 << 3 | Varint);
    appendVarint(segment, begin);
    appendVarint(segment, 2 << 3 | Varint);
    appendVarint(segment, end);
    appendVarint(out, segmentField << 3 | Bytes);
    appendVarint(out, segment.size());
    out += segment;
  }

  static llvm::Error fail(const char *what, uint64_t offset) {
    return llvm::createStringError(std::errc::invalid_argument, "the file %s at byte %llu", what,
                                   (unsigned long long)offset);
  }

  llvm::ArrayRef<char> bytes;
  uint64_t limit;
};
} // namespace

llvm::Expected<std::string> cutPayloads(llvm::ArrayRef<char> bytes, uint64_t limit) {
  std::string out;
  if (llvm::Error error = Scanner(bytes, limit).copy(Message::Model, 0, bytes.size(), 0, out))
    return std::move(error);
  return out;
}
} // namespace aicc::onnx_import

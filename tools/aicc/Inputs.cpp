// See Inputs.h.

#include "tools/aicc/Inputs.h"
#include "tools/aicc/Failure.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>

namespace aicc::tool {

size_t matchName(const std::string &flag, const std::string &text, const std::vector<Value> &values,
                 std::string &rest) {
  // The longest name that fits: names may contain `=`.
  size_t best = values.size();
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string &name = values[i].name;
    if (text.size() > name.size() && text[name.size()] == '=' && text.compare(0, name.size(), name) == 0 &&
        (best == values.size() || name.size() > values[best].name.size()))
      best = i;
  }
  if (best < values.size()) {
    rest = text.substr(values[best].name.size() + 1);
    return best;
  }
  std::string names;
  for (const Value &value : values)
    names += (names.empty() ? "" : ", ") + value.name;
  throw Failure{kUsageError, flag + " " + text + ": write NAME=..., where NAME is one of: " + names};
}

namespace {

/// Sizes that are texts over symbols' names, such as "past + seq": the grammar is that of the compiler's own
/// texts.
class SizeReader {
public:
  SizeReader(const std::string &text, const std::map<std::string, int64_t> &symbols)
      : text(text), symbols(symbols) {}
  /// Nothing if a symbol is not known or the text is not of this grammar.
  std::optional<int64_t> read() {
    int64_t value = readSum();
    skip();
    return failed || at != text.size() ? std::nullopt : std::optional(value);
  }

private:
  void skip() {
    while (at < text.size() && text[at] == ' ')
      ++at;
  }
  bool take(const std::string &token) {
    skip();
    if (text.compare(at, token.size(), token) != 0)
      return false;
    at += token.size();
    return true;
  }
  int64_t readSum() {
    int64_t value = readProduct();
    while (!failed) {
      if (take("+ "))
        value += readProduct();
      else if (take("- "))
        value -= readProduct();
      else
        break;
    }
    return value;
  }
  int64_t readProduct() {
    int64_t value = readAtom();
    while (!failed) {
      if (take("* ")) {
        value *= readAtom();
      } else if (bool divides = take("/ "); divides || take("mod ")) {
        int64_t by = readAtom();
        if (by <= 0)
          return fail();
        int64_t rest = ((value % by) + by) % by;
        value = divides ? (value - rest) / by : rest;
      } else {
        break;
      }
    }
    return value;
  }
  int64_t readAtom() {
    skip();
    const std::string *best = nullptr;
    for (auto &[name, size] : symbols)
      if (!name.empty() && text.compare(at, name.size(), name) == 0 && (!best || name.size() > best->size()))
        best = &name;
    if (best) {
      at += best->size();
      return symbols.at(*best);
    }
    if (take("max(")) {
      int64_t a = readSum();
      if (!take(","))
        return fail();
      int64_t b = readSum();
      return take(")") ? std::max(a, b) : fail();
    }
    if (take("ceil(")) {
      int64_t a = readAtom();
      if (!take("/ "))
        return fail();
      int64_t b = readAtom();
      return b > 0 && take(")") ? (a + b - 1) / b : fail();
    }
    if (take("(")) {
      int64_t value = readSum();
      return take(")") ? value : fail();
    }
    size_t digits = at + (at < text.size() && text[at] == '-');
    if (digits >= text.size() || !std::isdigit(static_cast<unsigned char>(text[digits])))
      return fail();
    char *end = nullptr;
    int64_t value = std::strtoll(text.c_str() + at, &end, 10);
    at = static_cast<size_t>(end - text.c_str());
    return value;
  }
  int64_t fail() {
    failed = true;
    return 0;
  }

  const std::string &text;
  const std::map<std::string, int64_t> &symbols;
  size_t at = 0;
  bool failed = false;
};

/// What one --input says.
struct Request {
  std::optional<Array> file;
  std::string origin;
  std::optional<std::vector<int64_t>> dims;
  aicc_element_type type = AICC_TYPE_INVALID;
  std::optional<double> fill;
};

std::optional<double> parseNumber(const std::string &text) {
  char *end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  return text.empty() || *end ? std::nullopt : std::optional(value);
}

/// "2x3xf32" or "f32" (rank 0).
bool parseShape(const std::string &text, Request &request) {
  size_t cut = text.rfind('x');
  request.type = parseType(cut == std::string::npos ? text : text.substr(cut + 1));
  if (request.type == AICC_TYPE_INVALID)
    return false;
  std::vector<int64_t> dims;
  std::string sizes = cut == std::string::npos ? "" : text.substr(0, cut);
  for (size_t at = 0; !sizes.empty() && at <= sizes.size();) {
    size_t next = std::min(sizes.find('x', at), sizes.size());
    std::string size = sizes.substr(at, next - at);
    if (size.empty() || size.size() > 12 || size.find_first_not_of("0123456789") != std::string::npos)
      return false;
    dims.push_back(std::stoll(size));
    at = next + 1;
  }
  request.dims = dims;
  return true;
}

Request parseRequest(const std::string &text, const std::string &rest, aicc_element_type wanted) {
  Request request;
  if (rest.size() > 1 && rest[0] == '@') {
    request.origin = rest.substr(1);
    request.file = readNpy(request.origin, wanted);
    request.dims = request.file->dims;
    return request;
  }
  size_t equals = rest.rfind('=');
  std::string shape = equals == std::string::npos ? rest : rest.substr(0, equals);
  std::string number = equals == std::string::npos ? "" : rest.substr(equals + 1);
  if (equals == std::string::npos && parseNumber(rest)) {
    shape = "";
    number = rest;
  }
  request.fill = parseNumber(number);
  bool good =
      (shape.empty() || parseShape(shape, request)) && (number.empty() || request.fill) && !rest.empty();
  if (!good)
    throw Failure{kUsageError, "--input " + text + ": write NAME=@FILE.npy, NAME=2x3xf32 or NAME=NUMBER"};
  return request;
}

bool contains(const std::string &text, const char *part) {
  std::string lower;
  for (char c : text)
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower.find(part) != std::string::npos;
}

/// A size that is likely to make sense for a symbol of this name.
int64_t chooseSize(const SymbolRange &symbol) {
  int64_t size = contains(symbol.name, "batch")                                      ? 1
                 : contains(symbol.name, "height") || contains(symbol.name, "width") ? 224
                 : contains(symbol.name, "seq") || contains(symbol.name, "len") ||
                         contains(symbol.name, "tok") || contains(symbol.name, "past")
                     ? 32
                     : 8;
  return std::clamp(size, symbol.min, symbol.max);
}

/// Random by the input's position, the same in every run. Floats: normal; integers: within `range`, which by
/// default is 0 or 1, safe for masks and indices.
std::string generate(Array &array, uint64_t seed, std::optional<double> fill, InputRange range) {
  int64_t count = array.size();
  if (fill) {
    for (int64_t i = 0; i < count; ++i)
      array.set(i, *fill);
    return "filled";
  }
  std::mt19937_64 random(seed + 1);
  if (isFloat(array.type)) {
    std::normal_distribution<double> normal;
    for (int64_t i = 0; i < count; ++i)
      array.set(i, normal(random));
    return "random, normal";
  }
  const auto width = static_cast<uint64_t>(range.high - range.low) + 1;
  for (int64_t i = 0; i < count; ++i)
    array.set(i, static_cast<double>(range.low + static_cast<int64_t>(random() % width)));
  return "random, " + std::to_string(range.low) + (width == 2 ? " or " : " to ") + std::to_string(range.high);
}

} // namespace

std::vector<Input> makeInputs(const Session &session, const std::vector<std::string> &texts,
                              const std::vector<InputRange> &ranges, uint64_t seed) {
  std::vector<Value> values = session.getInputs();
  std::vector<Request> requests(values.size());
  std::vector<bool> given(values.size());
  for (const std::string &text : texts) {
    std::string rest;
    size_t index = matchName("--input", text, values, rest);
    if (given[index])
      throw Failure{kUsageError, "--input " + values[index].name + " is given twice"};
    given[index] = true;
    requests[index] = parseRequest(text, rest, values[index].type);
  }

  // Symbols: by the arrays given, then --dim, then a choice.
  std::map<std::string, int64_t> sizes;
  for (const SymbolRange &symbol : session.getSymbols()) {
    const auto &dims = requests[symbol.arg].dims;
    bool isNamed = false;
    for (const DimBounds &dim : session.getDims())
      if (dim.name == symbol.name) {
        sizes[symbol.name] = std::clamp(dim.min == dim.max ? dim.min : chooseSize(symbol), dim.min, dim.max);
        isNamed = true;
      }
    if (dims && symbol.dim < dims->size())
      sizes[symbol.name] = (*dims)[symbol.dim];
    else if (!isNamed)
      sizes[symbol.name] = chooseSize(symbol);
  }
  for (size_t i = 0; i < values.size(); ++i) {
    // Another input's sizes say what the first one, for which nothing is given, must have.
    if (requests[i].dims && requests[i].dims->size() == values[i].dims.size())
      for (size_t d = 0; d < values[i].dims.size(); ++d) {
        auto found = sizes.find(values[i].dimNames[d]);
        bool isFree = found != sizes.end();
        for (const SymbolRange &symbol : session.getSymbols())
          isFree &= symbol.name != values[i].dimNames[d] || !requests[symbol.arg].dims;
        if (isFree)
          found->second = (*requests[i].dims)[d];
      }
  }

  std::vector<Input> inputs;
  for (size_t i = 0; i < values.size(); ++i) {
    Request &request = requests[i];
    if (request.file) {
      if (request.file->type == AICC_TYPE_U16 && values[i].type == AICC_TYPE_BF16)
        request.file->type = AICC_TYPE_BF16; // as writeNpy writes its bits
      inputs.push_back({std::move(*request.file), request.origin});
      continue;
    }
    std::vector<int64_t> dims = values[i].dims;
    for (size_t d = 0; d < dims.size() && !request.dims; ++d) {
      if (dims[d] >= 0)
        continue;
      std::optional<int64_t> size = SizeReader(values[i].dimNames[d], sizes).read();
      if (!size || *size < 0)
        throw Failure{kUsageError, "input " + values[i].name + " needs a size for dimension " +
                                       std::to_string(d) + " (" + values[i].dimNames[d] + "): give --input " +
                                       values[i].name + "=" + toText(values[i].type, values[i].dims)};
      dims[d] = *size;
    }
    Array array(request.type == AICC_TYPE_INVALID ? values[i].type : request.type,
                request.dims.value_or(dims));
    std::string origin =
        generate(array, seed * 1000 + i, request.fill, i < ranges.size() ? ranges[i] : InputRange());
    inputs.push_back({std::move(array), origin});
  }
  return inputs;
}

} // namespace aicc::tool

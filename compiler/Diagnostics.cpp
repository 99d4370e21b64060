// See Diagnostics.h.

#include "compiler/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace aicc {

static void collect(Location location, llvm::SetVector<StringRef> &names, std::string &file) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    names.insert(name.getName().getValue());
  } else if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location part : fused.getLocations())
      collect(part, names, file);
  } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
    collect(call.getCallee(), names, file);
  } else if (auto position = dyn_cast<FileLineColLoc>(location); position && file.empty()) {
    file = (position.getFilename().getValue() + ":" + Twine(position.getLine()) + ":" +
            Twine(position.getColumn()))
               .str();
  }
}

std::string describeLocation(Location location) {
  llvm::SetVector<StringRef> names;
  std::string file;
  collect(location, names, file);
  if (names.empty())
    return file;
  constexpr size_t kShown = 3;
  ArrayRef<StringRef> shown = names.getArrayRef();
  std::string text =
      (shown.size() == 1 ? "node \"" : "nodes \"") + llvm::join(shown.take_front(kShown), "\", \"") + "\"";
  if (shown.size() > kShown)
    text += " and " + std::to_string(shown.size() - kShown) + " more";
  return text;
}

/// Text on one line, without the quotes' and tabs' noise of a printed operation.
static std::string getLine(Diagnostic &diagnostic) {
  std::string message = diagnostic.str(), line;
  for (char c : message)
    if (c != '\n' && c != '\t')
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  std::string place = describeLocation(diagnostic.getLocation());
  return place.empty() ? line : place + ": " + line;
}

DiagnosticCollector::DiagnosticCollector(MLIRContext &context)
    : handler(&context, [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          errors.push_back(getLine(diagnostic));
        else if (diagnostic.getSeverity() == DiagnosticSeverity::Warning)
          warnings.push_back(getLine(diagnostic));
        return success();
      }) {}

} // namespace aicc

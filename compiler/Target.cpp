// The registry of targets and the reading of `--target`.

#include "aicc/Target.h"
#include "llvm/ADT/StringExtras.h"
#include <tuple>

using namespace aicc;

static std::vector<std::unique_ptr<Target>> &registry() {
  static std::vector<std::unique_ptr<Target>> targets;
  return targets;
}

void aicc::registerTarget(std::unique_ptr<Target> target) { registry().push_back(std::move(target)); }

llvm::ArrayRef<std::unique_ptr<Target>> aicc::getTargets() { return registry(); }

llvm::Expected<std::vector<std::unique_ptr<TargetInstance>>> aicc::createInstances(llvm::StringRef text) {
  std::vector<std::unique_ptr<TargetInstance>> instances;
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, ',', -1, /*KeepEmpty=*/false);
  if (parts.empty())
    return llvm::createStringError("no target given");
  for (llvm::StringRef &part : parts)
    part = part.trim();
  for (auto [i, part] : llvm::enumerate(parts)) {
    if (llvm::is_contained(llvm::ArrayRef(parts).take_front(i), part))
      return llvm::createStringError("target '" + part + "' is given twice");
    llvm::StringRef name, architecture;
    std::tie(name, architecture) = part.split(':');
    auto found = llvm::find_if(registry(), [&](auto &target) { return target->getName() == name; });
    if (found == registry().end()) {
      std::string known =
          llvm::join(llvm::map_range(registry(), [](auto &target) { return target->getName(); }), ", ");
      return llvm::createStringError("unknown target '" + name + "'; this build has: " + known);
    }
    if (architecture.empty()) {
      auto instance = (*found)->createInstance((*found)->getArchitectures().front());
      if (!instance)
        return instance.takeError();
      instances.push_back(std::move(*instance));
      continue;
    }
    for (const std::string &one : (*found)->expand(architecture)) {
      auto instance = (*found)->createInstance(one);
      if (!instance)
        return instance.takeError();
      instances.push_back(std::move(*instance));
    }
  }
  return instances;
}

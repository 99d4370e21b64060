// The registry of targets and the reading of `--target`.

#include "aicc/Target.h"
#include "compiler/TargetPlugins.h"
#include "llvm/ADT/StringExtras.h"
#include <mutex>
#include <tuple>

using namespace aicc;

static std::vector<std::unique_ptr<Target>> &registry() {
  static std::vector<std::unique_ptr<Target>> targets;
  return targets;
}

void aicc::registerTarget(std::unique_ptr<Target> target) { registry().push_back(std::move(target)); }

static std::vector<std::string> &pluginErrors() {
  static std::vector<std::string> errors;
  return errors;
}

/// A line for each plug-in that was loaded: which file, of which time.
static std::string &pluginStamps() {
  static std::string stamps;
  return stamps;
}

/// Guards the registry while plug-ins may still be added to it.
static std::recursive_mutex &lock() {
  static std::recursive_mutex mutex;
  return mutex;
}

/// Once in a process: plug-ins stay loaded.
static void loadPlugins() {
  std::lock_guard<std::recursive_mutex> guard(lock());
  static bool loaded = false;
  if (loaded)
    return;
  loaded = true;
  for (const std::string &file : findTargetPlugins()) {
    if (llvm::Error error = loadTargetPlugin(file))
      pluginErrors().push_back(llvm::toString(std::move(error)));
    else
      pluginStamps() += getFileStamp(file) + "\n";
  }
}

/// The target of that name, or null.
static Target *findTarget(llvm::StringRef name) {
  std::lock_guard<std::recursive_mutex> guard(lock());
  for (bool retry : {true, false}) {
    for (auto &target : registry())
      if (target->getName() == name)
        return target.get();
    if (retry)
      loadPlugins();
  }
  return nullptr;
}

llvm::ArrayRef<std::unique_ptr<Target>> aicc::getTargets() {
  loadPlugins();
  return registry();
}

std::string aicc::getTargetPluginStamps() {
  std::lock_guard<std::recursive_mutex> guard(lock());
  return pluginStamps();
}

std::vector<std::string> aicc::getTargetPluginErrors() {
  std::lock_guard<std::recursive_mutex> guard(lock());
  return pluginErrors();
}

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
    Target *target = findTarget(name);
    if (!target) {
      std::string known =
          llvm::join(llvm::map_range(getTargets(), [](auto &target) { return target->getName(); }), ", ");
      return llvm::createStringError("unknown target '" + name + "'; this build has: " + known);
    }
    if (architecture.empty()) {
      auto instance = target->createInstance(target->getArchitectures().front());
      if (!instance)
        return instance.takeError();
      instances.push_back(std::move(*instance));
      continue;
    }
    for (const std::string &one : target->expand(architecture)) {
      auto instance = target->createInstance(one);
      if (!instance)
        return instance.takeError();
      instances.push_back(std::move(*instance));
    }
  }
  return instances;
}

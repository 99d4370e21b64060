// Loading of targets that are plug-ins (aicc/TargetPlugin.h).

#ifndef AICC_COMPILER_TARGETPLUGINS_H
#define AICC_COMPILER_TARGETPLUGINS_H

#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace aicc {

/// Loads one plug-in and lets it register its targets. Errors name the file and say why not; nothing of it
/// has been called then but its entry.
llvm::Error loadTargetPlugin(const std::string &file);

/// Path, size and time of a file.
std::string getFileStamp(const std::string &file);
/// A line for each plug-in of this process: other files may generate other code.
std::string getTargetPluginStamps();

/// The plug-ins of this build and of AICC_PLUGIN_PATH, in a fixed order.
std::vector<std::string> findTargetPlugins();

} // namespace aicc

#endif

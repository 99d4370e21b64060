// Plug-ins: where they are looked for, and the comparison that comes before any of their C++.

#include "compiler/TargetPlugins.h"
#include "aicc/TargetPlugin.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <dlfcn.h>

using namespace aicc;
using llvm::StringRef;

static llvm::Error fail(StringRef file, const llvm::Twine &reason) {
  return llvm::createStringError("target plug-in " + file + " is not used: " + reason);
}

llvm::Error aicc::loadTargetPlugin(const std::string &file) {
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    // The linker's message opens with the file's name, too.
    StringRef reason = dlerror();
    reason.consume_front(file + ": ");
    return fail(file, reason);
  }
  // A library whose code has run, static initializers at least, stays loaded.
  auto entry = reinterpret_cast<aicc_register_target_v1_fn>(dlsym(library, "aicc_register_target_v1"));
  if (!entry)
    return fail(file, "it has no function aicc_register_target_v1");
  static const aicc_target_identity host = {sizeof(host), LLVM_VERSION_STRING, AICC_TARGET_ABI_HASH};
  const aicc_target_plugin *plugin = entry(&host);
  if (!plugin)
    return fail(file, "it doesn't work with this build of aicc");
  if (plugin->struct_size < sizeof(*plugin) || plugin->identity.struct_size < sizeof(host))
    return fail(file, "its description is too short; it was built for another version of aicc");
  if (StringRef(plugin->identity.llvm_version) != host.llvm_version)
    return fail(file, llvm::Twine("it was built with LLVM ") + plugin->identity.llvm_version +
                          ", and this is " + host.llvm_version);
  if (StringRef(plugin->identity.abi_hash) != host.abi_hash)
    return fail(file, "it was built with other headers than this build of aicc");
  if (!plugin->register_targets)
    return fail(file, "it registers nothing");
  plugin->register_targets();
  return llvm::Error::success();
}

std::string aicc::getFileStamp(const std::string &file) {
  llvm::sys::fs::file_status status;
  if (llvm::sys::fs::status(file, status))
    return file;
  return file + " " + std::to_string(status.getSize()) + " " +
         std::to_string(status.getLastModificationTime().time_since_epoch().count());
}

std::vector<std::string> aicc::findTargetPlugins() {
  std::vector<std::string> folders, files;
  if (const char *path = secure_getenv("AICC_PLUGIN_PATH")) {
    llvm::SmallVector<StringRef> parts;
    StringRef(path).split(parts, ':', -1, /*KeepEmpty=*/false);
    for (StringRef part : parts)
      folders.push_back(part.str());
  }
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&findTargetPlugins), &info) && info.dli_fname)
    folders.push_back((llvm::sys::path::parent_path(info.dli_fname) + "/aicc").str());
  for (const std::string &folder : folders) {
    std::vector<std::string> found;
    std::error_code error;
    for (llvm::sys::fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      StringRef name = llvm::sys::path::filename(it->path());
      if (name.starts_with("libaicc_target_") && name.ends_with(".so"))
        found.push_back(it->path());
    }
    // A name that an earlier folder has hides the later ones.
    llvm::sort(found);
    for (std::string &file : found)
      if (llvm::none_of(files, [&](const std::string &known) {
            return llvm::sys::path::filename(known) == llvm::sys::path::filename(file);
          }))
        files.push_back(std::move(file));
  }
  return files;
}

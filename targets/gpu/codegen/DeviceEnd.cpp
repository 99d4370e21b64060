// Helpers of the vendors' ends.

#include "targets/gpu/codegen/DeviceEnd.h"
#include "llvm/Support/raw_ostream.h"
#include <atomic>
#include <mutex>
#include <thread>

using namespace aicc::gpu;

llvm::Error aicc::gpu::forEachInParallel(unsigned count, unsigned threads,
                                         llvm::function_ref<llvm::Error(unsigned)> work) {
  std::atomic<unsigned> next = 0;
  std::mutex lock;
  llvm::Error errors = llvm::Error::success();
  auto run = [&] {
    for (unsigned i; (i = next++) < count;)
      if (llvm::Error error = work(i)) {
        std::lock_guard<std::mutex> guard(lock);
        errors = llvm::joinErrors(std::move(errors), std::move(error));
      }
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < std::min(threads, count); ++i)
    others.emplace_back(run);
  run();
  for (std::thread &thread : others)
    thread.join();
  return errors;
}

void aicc::gpu::dumpKernel(const EndOptions &options, llvm::StringRef name, llvm::StringRef text) {
  if (options.dumpDir.empty())
    return;
  std::error_code error;
  llvm::raw_fd_ostream os(options.dumpDir + "/" + name.str(), error);
  if (!error)
    os << text;
}

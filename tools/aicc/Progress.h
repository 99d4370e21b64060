// A line on the terminal that says what is being done; nothing when standard error is no terminal.

#ifndef AICC_TOOLS_PROGRESS_H
#define AICC_TOOLS_PROGRESS_H

#include <chrono>
#include <string>

namespace aicc::tool {

class ProgressBar {
public:
  ProgressBar();
  /// Clears the line.
  ~ProgressBar();
  void show(const std::string &what, double done);
  /// Makes the line empty, for other output.
  void clear();

private:
  bool isTerminal;
  bool isShown = false;
  std::string last;
  std::chrono::steady_clock::time_point begin;
};

} // namespace aicc::tool

#endif

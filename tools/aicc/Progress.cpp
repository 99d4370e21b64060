// See Progress.h.

#include "tools/aicc/Progress.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace aicc::tool {

ProgressBar::ProgressBar() : begin(std::chrono::steady_clock::now()) {
  const char *terminal = std::getenv("TERM");
  isTerminal = isatty(STDERR_FILENO) && (!terminal || std::strcmp(terminal, "dumb") != 0);
}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::clear() {
  if (isShown)
    std::fputs("\r\033[K", stderr);
  isShown = false;
}

void ProgressBar::show(const std::string &what, double done) {
  if (!isTerminal)
    return;
  constexpr int kWidth = 30;
  int full = static_cast<int>(done * kWidth + 0.5);
  std::string bar;
  for (int i = 0; i < kWidth; ++i)
    bar += i < full ? "█" : "·";
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  char text[256];
  std::snprintf(text, sizeof(text), "%-9s %s %5.1f s", what.c_str(), bar.c_str(), seconds);
  if (last == text)
    return;
  last = text;
  std::fprintf(stderr, "\r\033[K%s", text);
  std::fflush(stderr);
  isShown = true;
}

} // namespace aicc::tool

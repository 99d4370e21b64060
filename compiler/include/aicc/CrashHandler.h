// Turns what should never happen (a failed assertion of a library, a bad access) into one line and exit
// code 3.

#ifndef AICC_CRASHHANDLER_H
#define AICC_CRASHHANDLER_H

namespace aicc {

/// For a program's main: from now on a crash prints `error: aicc crashed while ...; this is a bug` and exits
/// with 3. An interrupt (SIGINT, SIGTERM, SIGHUP) leaves no temporary file either.
void installCrashHandler();

} // namespace aicc

#endif

//===- MockMain.cpp - the tests of runs, on the mock device ------------------------------===//
//
// Linked to RunTest.cpp and ConcurrencyTest.cpp a second time: what they say of the host holds for a device
// with memory of its own.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/TestModule.h"

static const bool isSet = (aicc::test::sessionDevice() = "mock", true);

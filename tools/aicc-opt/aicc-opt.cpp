// aicc-opt: runs aicc's passes, and upstream's, one at a time on textual IR. It is the tool that the tests
// under test/ and people who work on a pass use; users have `aicc`.

#include "aicc/InitAll.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  aicc::registerAllDialects(registry);
  aicc::registerAllPasses();
  aicc::registerAllTargets();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "aicc pass driver\n", registry));
}

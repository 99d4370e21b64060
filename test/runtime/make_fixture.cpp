//===- make_fixture.cpp - writes a fixture of the current format -------------------------===//
//
// Usage: runtime-make-fixture OUT.aicc. Run once when a format is released; the file is then kept in
// fixtures/ for good and never written again, because what it proves is that files from back then still load.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/TestModule.h"

#include <cstdio>

using namespace aicc;
using namespace aicc::test;

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s OUT.aicc\n", argv[0]);
    return 2;
  }
  ModuleWriter writer(argv[1]);
  std::vector<float> weights(64, 100);
  uint32_t constant = writer.addConstant(weights.data(), weights.size() * sizeof(float), "w");
  Instance instance = makeInstance(writer);
  instance.states = {{f32("cache", {4}), 16}};

  // main(a, b) = a + b + w, of n elements, through an arena.
  Function f = makeAddFunction();
  f.symbols[0].max = 64;
  f.slotCount = 6;
  f.arenas = {{3, 4096}};
  CommandDispatch first = std::get<CommandDispatch>(f.blocks[0][2].op);
  CommandDispatch second = first;
  first.bindings[2].slot = 4;
  second.bindings[0].slot = 4;
  second.bindings[1].slot = 5;
  second.name = "bias";
  second.nodes = {"/model/Bias"};
  f.blocks[0] = {f.blocks[0][0],
                 f.blocks[0][1],
                 CommandView{4, 3, imm(64), reg(2)},
                 CommandConstant{5, constant},
                 first,
                 second,
                 CommandAssert{imm(1), "never", {"/model/Assert"}},
                 CommandReturn{}};
  instance.functions.push_back(f);
  writer.addInstance(std::move(instance));
  writer.addProvenance("producer", "runtime-make-fixture");
  if (writer.finish())
    return 0;
  std::fprintf(stderr, "%s\n", writer.error().c_str());
  return 1;
}

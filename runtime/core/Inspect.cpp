//===- Inspect.cpp - what can be asked of modules and functions --------------------------===//
//
// The C ABI's queries. They only read, and are apart from what loads and runs.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Module.h"
#include "runtime/core/Status.h"
#include "runtime/module/Verifier.h"
#include "runtime/module/aicc_generated.h"

using namespace aicc;
using namespace aicc::rt;

static aicc_status *outOfRange(const char *what, uint32_t index) {
  return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "there is no %s %u", what, index);
}

aicc_status *aicc_module_get_info(const aicc_module *module, aicc_module_info *info) {
  const fb::Module &root = *module->root;
  aicc_module_info local = {};
  local.format_version = root.format_version();
  local.file_size = module->bytes.size();
  local.constant_count = countOf(root.constants());
  local.segment_count = countOf(root.segments());
  local.target_count = countOf(root.instances());
  local.provenance_count = countOf(root.provenance());
  local.target_index = module->device ? module->target : -1;
  local.device_constant_size = module->deviceConstantSize;
  for (uint32_t i = 0; i < local.segment_count; ++i) {
    const fb::Segment &segment = *root.segments()->Get(i);
    (segment.kind() == fb::SegmentKind_Code ? local.code_size : local.constant_size) += segment.size();
  }
  writeInfo(local, info);
  return nullptr;
}

/// Which constants the programs of a target read.
static std::vector<bool> findConstants(const fb::Module &root, const fb::Instance &target) {
  std::vector<bool> isRead(countOf(root.constants()));
  for (const fb::Function *function : *target.functions())
    for (const fb::Block *block : *function->blocks())
      for (const fb::Command *command : *block->commands())
        if (command->op_type() == fb::CommandOp_ConstantView)
          isRead[command->op_as_ConstantView()->constant()] = true;
  return isRead;
}

static void countConstants(const fb::Module &root, uint32_t index, aicc_target_info &info) {
  std::vector<bool> mine = findConstants(root, *root.instances()->Get(index));
  std::vector<bool> others(mine.size());
  for (uint32_t i = 0; i < root.instances()->size(); ++i) {
    std::vector<bool> theirs = findConstants(root, *root.instances()->Get(i));
    for (size_t c = 0; i != index && c < theirs.size(); ++c)
      others[c] = others[c] || theirs[c];
  }
  for (uint32_t c = 0; c < mine.size(); ++c) {
    if (!mine[c])
      continue;
    uint64_t size = root.constants()->Get(c)->size();
    ++info.constant_count;
    info.constant_size += size;
    info.own_constant_size += others[c] ? 0 : size;
  }
}

aicc_status *aicc_module_get_target(const aicc_module *module, uint32_t index, aicc_target_info *info) {
  const fb::Module &root = *module->root;
  if (index >= root.instances()->size())
    return outOfRange("target", index);
  const fb::Instance &target = *root.instances()->Get(index);
  aicc_target_info local = {};
  local.target = target.target()->c_str();
  local.format = target.format()->c_str();
  local.features = module->targetFeatures[index].c_str();
  local.executable_count = countOf(target.executables());
  local.function_count = countOf(target.functions());
  for (uint32_t i = 0; i < local.executable_count; ++i)
    local.code_size += root.segments()->Get(target.executables()->Get(i)->segment())->size();
  for (const fb::Function *function : *target.functions())
    for (const fb::Block *block : *function->blocks())
      for (const fb::Command *command : *block->commands())
        local.dispatch_count += command->op_type() == fb::CommandOp_Dispatch;
  for (uint32_t i = 0; i < local.executable_count; ++i)
    local.kernel_count += countOf(target.executables()->Get(i)->entries());
  for (const fb::Function *function : *target.functions())
    for (uint32_t i = 0; i < countOf(function->arenas()); ++i)
      local.arena_size += function->arenas()->Get(i)->size();
  countConstants(root, index, local);
  writeInfo(local, info);
  return nullptr;
}

aicc_status *aicc_module_get_provenance(const aicc_module *module, uint32_t index, const char **key,
                                        const char **value) {
  if (index >= countOf(module->root->provenance()))
    return outOfRange("provenance", index);
  *key = module->root->provenance()->Get(index)->key()->c_str();
  *value = module->root->provenance()->Get(index)->value()->c_str();
  return nullptr;
}

const char *aicc_function_get_name(const aicc_function *function) { return function->name.c_str(); }
uint32_t aicc_function_arg_count(const aicc_function *function) {
  return static_cast<uint32_t>(function->args.size());
}
uint32_t aicc_function_result_count(const aicc_function *function) {
  return static_cast<uint32_t>(function->results.size());
}
uint32_t aicc_function_symbol_count(const aicc_function *function) {
  return static_cast<uint32_t>(function->symbols.size());
}
uint32_t aicc_function_state_count(const aicc_function *function) {
  return static_cast<uint32_t>(function->states.size());
}
uint32_t aicc_function_dispatch_count(const aicc_function *function) {
  return static_cast<uint32_t>(function->dispatches.size());
}

static aicc_value_info describe(const ValueType &type) {
  aicc_value_info info = {};
  info.element_type = type.elementType;
  info.name = type.name.c_str();
  info.rank = static_cast<uint32_t>(type.sizes.size());
  info.dims = type.sizes.data();
  info.dim_names = type.dimNames.data();
  info.alias_arg = -1;
  return info;
}

aicc_status *aicc_function_get_arg(const aicc_function *function, uint32_t index, aicc_value_info *info) {
  if (index >= function->args.size())
    return outOfRange("argument", index);
  aicc_value_info local = describe(function->args[index].type);
  local.donated = function->args[index].donated;
  writeInfo(local, info);
  return nullptr;
}

aicc_status *aicc_function_get_result(const aicc_function *function, uint32_t index, aicc_value_info *info) {
  if (index >= function->results.size())
    return outOfRange("result", index);
  aicc_value_info local = describe(function->results[index].type);
  local.alias_arg = function->results[index].aliasArg;
  writeInfo(local, info);
  return nullptr;
}

aicc_status *aicc_function_get_state(const aicc_function *function, uint32_t index, aicc_value_info *info) {
  if (index >= function->states.size())
    return outOfRange("state", index);
  writeInfo(describe(*function->stateTypes[index]), info);
  return nullptr;
}

aicc_status *aicc_function_get_symbol(const aicc_function *function, uint32_t index, aicc_symbol_info *info) {
  if (index >= function->symbols.size())
    return outOfRange("symbol", index);
  const SymbolRef &symbol = function->symbols[index];
  aicc_symbol_info local = {};
  local.name = symbol.name;
  local.min = symbol.min;
  local.max = symbol.max;
  local.divisor = symbol.divisor;
  local.arg = symbol.arg;
  local.dim = symbol.dim;
  writeInfo(local, info);
  return nullptr;
}

aicc_status *aicc_function_get_dispatch(const aicc_function *function, uint32_t index,
                                        aicc_dispatch_info *info) {
  if (index >= function->dispatches.size())
    return outOfRange("dispatch", index);
  const DispatchRef &dispatch = function->dispatches[index];
  aicc_dispatch_info local = {};
  local.name = dispatch.name;
  local.kernel = dispatch.kernel;
  local.nodes = dispatch.nodes.data();
  local.node_count = static_cast<uint32_t>(dispatch.nodes.size());
  writeInfo(local, info);
  return nullptr;
}

uint64_t aicc_function_arena_size(const aicc_function *function) {
  uint64_t size = 0;
  for (const ArenaRef &arena : function->arenas)
    size += arena.size;
  return size;
}

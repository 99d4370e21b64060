// Stable topological sort by names.

#include "frontends/onnx/NodeOrder.h"
#include "llvm/ADT/StringMap.h"
#include <queue>

namespace aicc::onnx_import {

/// Calls `visit` with every name that the node or a graph in its attributes reads.
template <typename Visit>
static void visitReads(const onnx::NodeProto &node, Visit visit, unsigned depth = 0) {
  constexpr unsigned maxDepth = 100; // protobuf's own limit
  for (const std::string &name : node.input())
    if (!name.empty())
      visit(name);
  if (depth >= maxDepth)
    return;
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    for (const onnx::NodeProto &inner : attribute.g().node())
      visitReads(inner, visit, depth + 1);
    for (const onnx::ValueInfoProto &output : attribute.g().output())
      visit(output.name());
    for (const onnx::GraphProto &graph : attribute.graphs())
      for (const onnx::NodeProto &inner : graph.node())
        visitReads(inner, visit, depth + 1);
  }
}

llvm::SmallVector<const onnx::NodeProto *> sortNodes(const NodeList &nodes) {
  llvm::StringMap<int> makers;
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string &name : nodes[i].output())
      if (!name.empty())
        makers.try_emplace(name, i);
  auto getMaker = [&](const std::string &name) {
    auto it = makers.find(name);
    return it == makers.end() ? -1 : it->second;
  };

  llvm::SmallVector<const onnx::NodeProto *> order;
  bool sorted = true;
  for (int i = 0; i < nodes.size(); ++i) {
    order.push_back(&nodes[i]);
    visitReads(nodes[i], [&](const std::string &name) { sorted &= getMaker(name) < i; });
  }
  if (sorted)
    return order;

  std::vector<std::vector<int>> readers(nodes.size());
  std::vector<unsigned> missing(nodes.size());
  for (int i = 0; i < nodes.size(); ++i)
    visitReads(nodes[i], [&](const std::string &name) {
      if (const int maker = getMaker(name); maker >= 0 && maker != i) {
        readers[maker].push_back(i);
        ++missing[i];
      }
    });
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < nodes.size(); ++i)
    if (missing[i] == 0)
      ready.push(i);
  order.clear();
  std::vector<bool> done(nodes.size());
  while (!ready.empty()) {
    const int next = ready.top();
    ready.pop();
    done[next] = true;
    order.push_back(&nodes[next]);
    for (int reader : readers[next])
      if (--missing[reader] == 0)
        ready.push(reader);
  }
  for (int i = 0; i < nodes.size(); ++i)
    if (!done[i])
      order.push_back(&nodes[i]);
  return order;
}
} // namespace aicc::onnx_import

// Tree ensembles of ai.onnx.ml. All trees lie in one table of nodes; every row of the input walks all trees
// at once, one level per step, by looking up its node's feature, threshold and children. Leaves lead to
// themselves.

#include "frontends/onnx/ops/Vectors.h"
#include <map>

using namespace mlir;

namespace aicc::onnx_import {
namespace {

constexpr int64_t maxNodes = int64_t(1) << 24;
constexpr int maxDepth = 512;

enum Mode : int64_t { leq, lt, gte, gt, eq, neq, member, leaf };

struct TreeNode {
  int64_t mode = leaf, feature = 0, yes = 0, no = 0;
  double threshold = 0;
  bool missingIsTrue = false;
};

struct Weight {
  int64_t node, target;
  double value;
};

struct Forest {
  std::vector<TreeNode> nodes;
  std::vector<int64_t> roots;
  std::vector<Weight> weights;
  int64_t targets = 1;
};

/// A tensor attribute's numbers, or a list's.
SmallVector<double> getNumbers(Node &n, StringRef name) {
  const std::string asTensor = (name + "_as_tensor").str();
  const onnx::AttributeProto *tensor = n.getAttr(asTensor);
  if (!tensor)
    tensor = n.getAttr(name);
  if (!tensor || tensor->type() != onnx::AttributeProto::TENSOR)
    return n.getFloats(name);
  std::optional<SmallVector<double>> values = n.builder.getConstantDoubles(n.loader.load(tensor->t(), name));
  if (!values)
    throw ImportError("attribute '" + name + "' is too large");
  return *values;
}

/// The longest way down; throws if the children lead out of the table or in circles.
int getDepth(const Forest &forest) {
  const int64_t count = int64_t(forest.nodes.size());
  std::vector<int> seen(count, -1); // the depth at which it was met
  std::vector<int64_t> level = forest.roots, next;
  int depth = 0;
  for (; !level.empty(); ++depth, level.swap(next), next.clear()) {
    if (depth > maxDepth)
      throw ImportError("a tree is deeper than " + Twine(maxDepth) + " levels, or leads in circles");
    for (int64_t at : level) {
      if (at < 0 || at >= count)
        throw ImportError("a tree leads to a node that does not exist");
      if (forest.nodes[at].mode == leaf || seen[at] == depth)
        continue;
      seen[at] = depth;
      next.push_back(forest.nodes[at].yes);
      next.push_back(forest.nodes[at].no);
    }
  }
  return depth - 1;
}

Value compareNodes(Node &n, const Forest &forest, Value node, Value x, Value threshold) {
  static constexpr nn::CompareKind kinds[] = {nn::CompareKind::le, nn::CompareKind::lt, nn::CompareKind::ge,
                                              nn::CompareKind::gt, nn::CompareKind::eq, nn::CompareKind::ne};
  Type i1 = n.builder.getBuilder().getI1Type();
  auto flags = [&](auto isSet) {
    SmallVector<int64_t> values;
    for (const TreeNode &one : forest.nodes)
      values.push_back(isSet(one));
    return n.make<nn::GatherOp>(makeConstant<int64_t>(n, values, i1), node, 0);
  };
  Value result;
  for (int64_t mode = leq; mode <= neq; ++mode) {
    if (llvm::none_of(forest.nodes, [&](const TreeNode &one) { return one.mode == mode; }))
      continue;
    Value holds = n.builder.compare(x, threshold, kinds[mode]);
    result = result ? n.make<nn::SelectOp>(flags([&](const TreeNode &one) { return one.mode == mode; }),
                                           holds, result)
                    : holds;
  }
  if (result && llvm::any_of(forest.nodes, [](const TreeNode &one) { return one.missingIsTrue; })) {
    Value missing = n.make<nn::AndOp>(n.make<nn::IsNanOp>(x),
                                      flags([](const TreeNode &one) { return one.missingIsTrue; }));
    result = n.make<nn::OrOp>(result, missing);
  }
  return result;
}

/// The leaf that each row [N, F] ends in, in each tree: [N, T].
Value walk(Node &n, const Forest &forest, Value x) {
  const int64_t features = n.getStaticSize(x, 1, "the number of features");
  SmallVector<int64_t> feature, children;
  SmallVector<double> thresholds;
  for (auto [i, one] : llvm::enumerate(forest.nodes)) {
    if (one.feature < 0 || (one.mode != leaf && one.feature >= features))
      throw ImportError("a feature's number is out of range");
    feature.push_back(one.mode == leaf ? 0 : one.feature);
    thresholds.push_back(one.threshold);
    children.push_back(one.mode == leaf ? int64_t(i) : one.no);
    children.push_back(one.mode == leaf ? int64_t(i) : one.yes);
  }
  Type i32 = n.builder.getBuilder().getI32Type();
  Value node = n.builder.broadcast(makeConstant<int64_t>(n, forest.roots, i32),
                                   {n.getShape(x)[0], n.constant(int64_t(forest.roots.size()))});
  Value featureTable = makeConstant<int64_t>(n, feature, i32),
        childTable = makeConstant<int64_t>(n, children, i32),
        thresholdTable = makeConstant<double>(n, thresholds, n.getElement(x));
  for (int depth = getDepth(forest); depth > 0; --depth) {
    Value number = n.make<nn::GatherElementsOp>(x, n.make<nn::GatherOp>(featureTable, node, 0), 1);
    Value holds = compareNodes(n, forest, node, number, n.make<nn::GatherOp>(thresholdTable, node, 0));
    node = n.make<nn::GatherOp>(childTable, n.add(n.mul(node, 2), n.builder.convert(holds, i32)), 0);
  }
  return node;
}

/// Sums (or others) of the leaves' weights per target: [N, targets].
Value aggregate(Node &n, const Forest &forest, Value leaves, StringRef how, Type type) {
  const bool isMin = how == "MIN", isMax = how == "MAX";
  if (!isMin && !isMax && how != "SUM" && how != "AVERAGE")
    throw ImportError("aggregate_function '" + how + "' is not supported");
  const int64_t targets = forest.targets, count = int64_t(forest.nodes.size());
  if (targets < 1 || targets > maxNodes / std::max<int64_t>(count, 1))
    throw ImportError("the number of targets is out of range");
  const double nothing = isMin   ? std::numeric_limits<float>::max()
                         : isMax ? -std::numeric_limits<float>::max()
                                 : 0;
  std::vector<double> table(count * targets, nothing);
  for (const Weight &weight : forest.weights) {
    if (weight.target < 0 || weight.target >= targets)
      throw ImportError("a weight's target is out of range");
    double &entry = table[weight.node * targets + weight.target];
    entry = isMin || isMax ? weight.value : entry + weight.value;
  }
  Value weights = makeConstant<double>(n, table, type, {count, targets});
  Value y = n.builder.reduce(n.make<nn::GatherOp>(weights, leaves, 0),
                             isMin   ? nn::ReduceKind::min
                             : isMax ? nn::ReduceKind::max
                                     : nn::ReduceKind::sum,
                             {1}, false);
  return how == "AVERAGE" ? n.mul(y, 1.0 / double(forest.roots.size())) : y;
}

Value addBase(Node &n, Value y) {
  SmallVector<double> base = getNumbers(n, "base_values");
  if (base.empty())
    return y;
  if (int64_t(base.size()) != n.getStaticSize(y, 1, "the number of targets") && base.size() != 1)
    throw ImportError("base_values needs a number per target");
  return n.add(y, makeConstant<double>(n, base, n.getElement(y)));
}

int64_t parseMode(StringRef name) {
  static constexpr StringRef names[] = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE",    "BRANCH_GT",
                                        "BRANCH_EQ",  "BRANCH_NEQ", "BRANCH_MEMBER", "LEAF"};
  for (auto [i, known] : llvm::enumerate(names))
    if (name == known && int64_t(i) != member)
      return int64_t(i);
  throw ImportError("node mode '" + name + "' is not supported");
}

/// The input as a matrix of floats.
Value getMatrix(Node &n) {
  Value x = n.in(0);
  if (n.getRank(x) == 1)
    x = n.builder.unsqueeze(x, {0});
  if (n.getRank(x) != 2)
    throw ImportError("its input must be a matrix");
  return n.isFloat(x) ? x : n.builder.convert(x, n.builder.getBuilder().getF32Type());
}

/// Nodes named by (tree, number), with weights for targets: `prefix` is "target" or "class".
Forest getNamedForest(Node &n, const std::string &prefix) {
  Forest forest;
  SmallVector<int64_t> trees = n.getInts("nodes_treeids"), ids = n.getInts("nodes_nodeids"),
                       features = n.getInts("nodes_featureids"), yes = n.getInts("nodes_truenodeids"),
                       no = n.getInts("nodes_falsenodeids"),
                       missing = n.getInts("nodes_missing_value_tracks_true");
  SmallVector<std::string> modes = n.getStrings("nodes_modes");
  SmallVector<double> values = getNumbers(n, "nodes_values");
  const size_t count = trees.size();
  if (count == 0 || int64_t(count) > maxNodes)
    throw ImportError("it has no nodes, or too many");
  if (ids.size() != count || features.size() != count || yes.size() != count || no.size() != count ||
      modes.size() != count || values.size() != count || (!missing.empty() && missing.size() != count))
    throw ImportError("the lists nodes_* differ in length");
  std::map<std::pair<int64_t, int64_t>, int64_t> numbers;
  for (size_t i = 0; i < count; ++i) {
    if (!numbers.insert({{trees[i], ids[i]}, int64_t(i)}).second)
      throw ImportError("a node is listed twice");
  }
  auto find = [&](int64_t tree, int64_t id) {
    auto it = numbers.find({tree, id});
    if (it == numbers.end())
      throw ImportError("a tree leads to a node that does not exist");
    return it->second;
  };
  for (size_t i = 0; i < count; ++i) {
    TreeNode one;
    one.mode = parseMode(modes[i]);
    if (one.mode != leaf) {
      one.feature = features[i];
      one.threshold = values[i];
      one.missingIsTrue = !missing.empty() && missing[i] != 0;
      one.yes = find(trees[i], yes[i]);
      one.no = find(trees[i], no[i]);
    }
    forest.nodes.push_back(one);
  }
  // A root is nobody's child.
  std::vector<bool> isChild(count);
  for (const TreeNode &one : forest.nodes)
    if (one.mode != leaf)
      isChild[one.yes] = isChild[one.no] = true;
  for (size_t i = 0; i < count; ++i)
    if (!isChild[i])
      forest.roots.push_back(int64_t(i));
  if (forest.roots.empty())
    throw ImportError("a tree leads in circles");
  SmallVector<int64_t> weightTrees = n.getInts(prefix + "_treeids"),
                       weightNodes = n.getInts(prefix + "_nodeids"), targets = n.getInts(prefix + "_ids");
  SmallVector<double> weights = getNumbers(n, prefix + "_weights");
  if (weightTrees.size() != weights.size() || weightNodes.size() != weights.size() ||
      targets.size() != weights.size())
    throw ImportError("the lists " + prefix + "_* differ in length");
  for (size_t i = 0; i < weights.size(); ++i)
    forest.weights.push_back({find(weightTrees[i], weightNodes[i]), targets[i], weights[i]});
  return forest;
}

Results importRegressor(Node &n) {
  Value x = getMatrix(n);
  Forest forest = getNamedForest(n, "target");
  forest.targets = n.getInt("n_targets", 1);
  Value y =
      aggregate(n, forest, walk(n, forest, x), n.getString("aggregate_function", "SUM"), n.getElement(x));
  y = transformScores(n, addBase(n, y));
  return n.builder.convert(y, n.builder.getBuilder().getF32Type());
}

/// With two classes and weights for one of them only, the score is the positive class's, and the other class
/// gets what it leaves; a score under the second class's number leaves the first one 0.
Results importClassifier(Node &n) {
  OpBuilder &b = n.builder.getBuilder();
  Value x = getMatrix(n);
  Forest forest = getNamedForest(n, "class");
  SmallVector<int64_t> labels = n.getInts("classlabels_int64s");
  const int64_t classes = std::max(labels.size(), n.getStrings("classlabels_strings").size());
  if (classes < 1)
    throw ImportError("it has no class labels");
  if (labels.empty() && n.wants(0))
    throw ImportError("class labels that are strings are not supported", "train with numbers as labels");
  const bool oneSided =
      classes == 2 && !forest.weights.empty() && llvm::all_of(forest.weights, [&](const Weight &weight) {
        return weight.target == forest.weights[0].target;
      });
  const bool isSecond = oneSided && forest.weights[0].target == 1;
  forest.targets = oneSided ? 1 : classes;
  const bool positive = llvm::all_of(forest.weights, [](const Weight &weight) { return weight.value >= 0; });
  if (oneSided)
    for (Weight &weight : forest.weights)
      weight.target = 0;
  Value leaves = walk(n, forest, x);
  Value scores = aggregate(n, forest, leaves, "SUM", n.getElement(x));
  if (oneSided) {
    SmallVector<double> base = getNumbers(n, "base_values");
    if (!base.empty())
      scores = n.add(scores, base.back());
  } else {
    scores = addBase(n, scores);
  }
  Value index;
  if (oneSided) {
    Value half = n.builder.scalarLike(positive ? 0.5 : 0, scores);
    index = n.builder.convert(n.builder.compare(scores, half, nn::CompareKind::gt), b.getI64Type());
    index = n.builder.reshape(index, {n.getShape(scores)[0]});
    const std::string transform = n.getString("post_transform", "NONE");
    if (isSecond) {
      scores = transformScores(n, n.builder.concat({n.mul(scores, 0), scores}, 1));
    } else {
      Value other = positive && transform != "LOGISTIC" ? n.sub(n.builder.scalarLike(1, scores), scores)
                                                        : n.make<nn::NegOp>(scores);
      scores = n.builder.concat({other, scores}, 1);
      if (transform == "LOGISTIC")
        scores = n.make<nn::SigmoidOp>(scores);
    }
  } else {
    index = n.make<nn::ArgReduceOp>(scores, true, 1, false, false);
    scores = transformScores(n, scores);
  }
  Value label = labels.empty()
                    ? Value()
                    : n.make<nn::GatherOp>(makeConstant<int64_t>(n, labels, b.getI64Type()), index, 0);
  return {label, n.builder.convert(scores, b.getF32Type())};
}

/// Opset 5: nodes by position, leaves in lists of their own. A test for membership is a chain of tests for
/// equality.
Results importEnsemble(Node &n) {
  Value x = getMatrix(n);
  SmallVector<int64_t> features = n.getInts("nodes_featureids"), yes = n.getInts("nodes_truenodeids"),
                       no = n.getInts("nodes_falsenodeids"), yesLeaf = n.getInts("nodes_trueleafs"),
                       noLeaf = n.getInts("nodes_falseleafs"), roots = n.getInts("tree_roots"),
                       missing = n.getInts("nodes_missing_value_tracks_true"),
                       targets = n.getInts("leaf_targetids");
  SmallVector<double> splits = getNumbers(n, "nodes_splits"), modes = getNumbers(n, "nodes_modes"),
                      weights = getNumbers(n, "leaf_weights"), members = getNumbers(n, "membership_values");
  const size_t count = features.size(), leaves = targets.size();
  if (count == 0 || int64_t(count + leaves + members.size()) > maxNodes || roots.empty())
    throw ImportError("it has no nodes or no trees, or too many");
  if (yes.size() != count || no.size() != count || yesLeaf.size() != count || noLeaf.size() != count ||
      splits.size() != count || modes.size() != count || weights.size() != leaves ||
      (!missing.empty() && missing.size() != count))
    throw ImportError("the lists of nodes or leaves differ in length");
  Forest forest;
  forest.nodes.resize(count + leaves);
  forest.targets = n.getInt("n_targets", 1);
  auto child = [&](int64_t at, int64_t isLeaf) {
    if (at < 0 || at >= int64_t(isLeaf ? leaves : count))
      throw ImportError("a tree leads to a node that does not exist");
    return isLeaf ? int64_t(count) + at : at;
  };
  for (int64_t root : roots)
    forest.roots.push_back(child(root, 0));
  size_t nextMember = 0;
  for (size_t i = 0; i < count; ++i) {
    TreeNode one;
    one.mode = int64_t(modes[i]);
    if (one.mode < leq || one.mode > member)
      throw ImportError("a node's mode is out of range");
    one.feature = features[i];
    one.threshold = splits[i];
    one.missingIsTrue = !missing.empty() && missing[i] != 0;
    one.yes = child(yes[i], yesLeaf[i]);
    one.no = child(no[i], noLeaf[i]);
    size_t at = i;
    if (one.mode == member) {
      one.mode = eq;
      // Sets follow each other, with NaN between them.
      SmallVector<double> set;
      for (; nextMember < members.size() && !std::isnan(members[nextMember]); ++nextMember)
        set.push_back(members[nextMember]);
      ++nextMember;
      if (set.empty()) {
        one.yes = one.no;
        set.push_back(0);
      }
      for (size_t k = 0; k + 1 < set.size(); ++k) {
        TreeNode link = one;
        link.threshold = set[k];
        link.no = int64_t(forest.nodes.size());
        forest.nodes[at] = link;
        at = forest.nodes.size();
        forest.nodes.emplace_back();
      }
      one.threshold = set.back();
    }
    forest.nodes[at] = one;
  }
  for (size_t i = 0; i < leaves; ++i)
    forest.weights.push_back({int64_t(count + i), targets[i], weights[i]});
  static constexpr StringRef names[] = {"AVERAGE", "SUM", "MIN", "MAX"};
  const int64_t how = n.getInt("aggregate_function", 1);
  if (how < 0 || how > 3)
    throw ImportError("aggregate_function is out of range");
  return transformScores(n, aggregate(n, forest, walk(n, forest, x), names[how], n.getElement(x)));
}
} // namespace

void addTreeOps(OpTable &t) {
  t.add(OpTable::machineLearning, "TreeEnsembleRegressor", 1, OpTable::anyOpset, importRegressor);
  t.add(OpTable::machineLearning, "TreeEnsembleClassifier", 1, OpTable::anyOpset, importClassifier);
  t.add(OpTable::machineLearning, "TreeEnsemble", 5, OpTable::anyOpset, importEnsemble);
}
} // namespace aicc::onnx_import

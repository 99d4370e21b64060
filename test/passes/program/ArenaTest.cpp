// Placing temporaries in the arena: none that live together overlap, and memory is not wasted where that can
// be told.

#include "passes/program/Arena.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <random>
#include <vector>

using namespace aicc;

/// The most bytes that live at one step: no plan can do with less.
static int64_t getLowerBound(const std::vector<ArenaItem> &items) {
  int64_t most = 0;
  for (const ArenaItem &at : items) {
    int64_t sum = 0;
    for (const ArenaItem &item : items)
      if (item.first <= at.first && at.first <= item.last)
        sum += (std::max<int64_t>(item.size, 1) + 63) / 64 * 64;
    most = std::max(most, sum);
  }
  return most;
}

static void expectValid(const std::vector<ArenaItem> &items, int64_t size) {
  for (size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(items[i].offset % 64, 0);
    EXPECT_GE(items[i].offset, 0);
    EXPECT_LE(items[i].offset + items[i].size, size);
    for (size_t j = 0; j < i; ++j) {
      bool together = items[i].first <= items[j].last && items[j].first <= items[i].last;
      bool apart = items[i].offset + std::max<int64_t>(items[i].size, 1) <= items[j].offset ||
                   items[j].offset + std::max<int64_t>(items[j].size, 1) <= items[i].offset;
      EXPECT_TRUE(!together || apart) << i << " and " << j;
    }
  }
}

TEST(ArenaTest, NothingNeedsNothing) {
  std::vector<ArenaItem> items;
  EXPECT_EQ(planArena(items), 0);
}

TEST(ArenaTest, ChainTakesTwoPlaces) {
  std::vector<ArenaItem> items;
  for (unsigned i = 0; i < 10; ++i)
    items.push_back({100, i, i + 1});
  EXPECT_EQ(planArena(items), 256);
  expectValid(items, 256);
}

TEST(ArenaTest, TightestGapIsTaken) {
  // Two gaps, of 512 and 256 bytes, open at step 2; the last item takes the smaller one, though it is the
  // second.
  std::vector<ArenaItem> items = {{1024, 0, 9}, {512, 0, 1}, {448, 0, 9},
                                  {256, 0, 1},  {192, 0, 9}, {128, 2, 9}};
  int64_t size = planArena(items);
  EXPECT_EQ(size, 1024 + 512 + 448 + 256 + 192);
  EXPECT_EQ(items[5].offset, items[3].offset);
  expectValid(items, size);
}

TEST(ArenaTest, EmptyTensorsHaveAPlace) {
  std::vector<ArenaItem> items = {{0, 0, 1}, {0, 0, 1}};
  EXPECT_EQ(planArena(items), 128);
  expectValid(items, 128);
}

TEST(ArenaTest, RandomLifetimesNeverOverlap) {
  std::mt19937 random(1);
  double worst = 0;
  for (int round = 0; round < 50; ++round) {
    std::vector<ArenaItem> items;
    for (unsigned i = 0; i < 80; ++i) {
      unsigned first = random() % 60;
      items.push_back(
          {static_cast<int64_t>(random() % 5000), first, first + static_cast<unsigned>(random() % 8)});
    }
    int64_t size = planArena(items);
    expectValid(items, size);
    worst = std::max(worst, static_cast<double>(size) / static_cast<double>(getLowerBound(items)));
  }
  EXPECT_LT(worst, 1.4);
}

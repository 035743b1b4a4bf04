#define BOOST_TEST_MODULE topology_test
#include "routing/topology.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

AdvertisedAdjacency Line(int index, int to, int back) {
  return {AdjacencyIndex(static_cast<std::uint8_t>(index)),
          ShortId(static_cast<std::uint32_t>(to)),
          AdjacencyIndex(static_cast<std::uint8_t>(back)),
          {}};
}

std::size_t Edges(const Topology& t) {
  std::size_t n = 0;
  for (int i = 0; i < t.size(); ++i) n += t.EdgesOf(i).size();
  return n;
}

BOOST_AUTO_TEST_CASE(a_link_that_both_ends_list_is_two_edges) {
  const Topology t({{ShortId(9), {Line(4, 5, 7)}}, {ShortId(5), {Line(7, 9, 4)}}});
  BOOST_TEST(t.size() == 2);
  BOOST_TEST(t.Find(ShortId(5)) == 0);  // nodes are numbered in the order of their ids
  BOOST_TEST(t.Find(ShortId(9)) == 1);
  BOOST_TEST(t.Find(ShortId(6)) == -1);
  BOOST_TEST((t.IdOf(1) == ShortId(9)));
  const Topology::Edge* e = t.FindEdge({ShortId(9), AdjacencyIndex(4)});
  BOOST_REQUIRE(e != nullptr);
  BOOST_TEST(e->to == 0);
  BOOST_TEST((e->reverse == EdgeId{ShortId(5), AdjacencyIndex(7)}));
  BOOST_TEST(t.FindEdge({ShortId(9), AdjacencyIndex(7)}) == nullptr);
  BOOST_TEST(t.FindEdge({ShortId(1), AdjacencyIndex(4)}) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_link_that_one_end_invents_does_not_exist) {
  BOOST_TEST(Edges(Topology({{ShortId(1), {Line(1, 2, 1)}}, {ShortId(2), {}}})) == 0);
  // Listed, but as another link: the indices have to pair.
  BOOST_TEST(Edges(Topology({{ShortId(1), {Line(1, 2, 1)}}, {ShortId(2), {Line(1, 1, 2)}}})) == 0);
  BOOST_TEST(Edges(Topology({{ShortId(1), {Line(1, 2, 1)}}, {ShortId(2), {Line(2, 1, 1)}}})) == 0);
  BOOST_TEST(Edges(Topology({{ShortId(1), {Line(1, 2, 1)}}})) == 0);  // to nobody
  BOOST_TEST(Edges(Topology({{ShortId(1), {Line(1, 1, 1)}}})) == 0);  // to itself
  BOOST_TEST(Edges(Topology({{ShortId(1), {Line(0, 2, 0)}}, {ShortId(2), {Line(0, 1, 0)}}})) == 0);
}

BOOST_AUTO_TEST_CASE(of_a_node_listed_twice_the_last_counts) {
  const Topology t({{ShortId(1), {Line(1, 2, 1), Line(2, 2, 2)}},
                    {ShortId(2), {Line(1, 1, 1), Line(2, 1, 2)}},
                    {ShortId(1), {Line(2, 2, 2)}},
                    {ShortId(3), {}}});
  BOOST_TEST(t.size() == 3);
  BOOST_TEST(Edges(t) == 2);
  BOOST_TEST(t.FindEdge({ShortId(1), AdjacencyIndex(2)}) != nullptr);
}

BOOST_AUTO_TEST_CASE(edges_are_sorted_by_index_whatever_the_order_of_the_lines) {
  const Topology t({{ShortId(1), {Line(9, 2, 9), Line(3, 2, 3), Line(5, 2, 5)}},
                    {ShortId(2), {Line(5, 1, 5), Line(9, 1, 9), Line(3, 1, 3)}}});
  const auto& edges = t.EdgesOf(0);
  BOOST_REQUIRE(edges.size() == 3);
  BOOST_TEST(edges[0].index.value == 3);
  BOOST_TEST(edges[1].index.value == 5);
  BOOST_TEST(edges[2].index.value == 9);
}

}  // namespace
}  // namespace selvage

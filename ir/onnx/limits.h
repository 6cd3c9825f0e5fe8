// What a model may ask of the importer before it is refused: the one list of sizes, depths and counts.
#pragma once

#include <cstdint>

namespace ampc::limits {

constexpr uint64_t strippedModelBytes = 128u << 20; // model without weights and documentation strings
constexpr int64_t modelFields = 16'000'000;         // wire-level fields besides payloads
constexpr int subgraphDepth = 8;                    // If/Loop/Scan inside each other
constexpr int callDepth = 64;                       // functions calling functions
constexpr int64_t unrolledSteps = 4096;              // of one recurrence
constexpr int64_t expandedNodes = 1'000'000;        // after inlining and unrolling, before CSE
constexpr int64_t loopTrips = 100'000;              // of one unrolled loop
constexpr int64_t listedElements = 1 << 26;         // of all sequences made, each counted when it is made
constexpr int64_t rank = 32;
constexpr int64_t tensorBytes = int64_t(1) << 40;
constexpr int64_t denseSparseBytes = 64 << 20; // a sparse tensor made dense

// Partial evaluation. Integers decide shapes; floats only a few (Resize scales), so float weights stay
// weights.
constexpr int64_t readableIntegers =
    4096; // elements of an integer or boolean weight whose value is looked at
constexpr int64_t readableFloats = 8;
constexpr int64_t foldedElements = 16'384;     // results of one evaluated operator
constexpr int64_t foldedPoints = 262'144;      // loop points of one evaluated operator
constexpr int64_t totalFoldedPoints = 1 << 26; // of the whole model

} // namespace ampc::limits

// Turns a step of a plan into the work that compute.h prices. Looks only at what the plan says about a
// kernel.
#pragma once

#include "cost_model/compute.h"
#include "runtime/plan/plan.h"

namespace ampc::cost {

/// Kind of work by kernel: "onednn.matmul" and other products are contractions, "onednn.convolution" a
/// convolution; generated kernels are what describeProduct says, else product, reduction, elementwise or movement by
/// their operations per result element.
WorkKind workKindOf(const plan::Kernel &kernel, double flops);

/// Kind of a generated kernel with so many operands, whose largest buffer and largest result have so many elements.
WorkKind generatedKind(double flops, size_t operands, double largestElements, double resultElements);

/// Writes into a generated `kernel` that it is a product [..., m, k] x [..., k, n] or a convolution of these (logical)
/// shapes, and what its time depends on: m, n (the extent along the vector lanes), k, the share of windows at the border.
void describeProduct(plan::Kernel &kernel, bool isConvolution, bool isChannelsLast, const std::vector<int64_t> &first,
                     const std::vector<int64_t> &second, const std::vector<int64_t> &result);

/// Writes into a generated `kernel` how many elements of each operand it reads, if it reads only a part of one.
void describeReads(plan::Kernel &kernel, const std::vector<int64_t> &elements);

/// Work of a Launch step.
Work workOf(const plan::Step &step, const plan::Kernel &kernel);

/// Work of a Copy step on `rank`: bytes from the rank's moves, else from the step (an estimate).
Work copyWorkOf(const plan::Step &step, const plan::RankTable &rank);

/// Elements that a move carries.
double elementsOf(const plan::Move &move);

} // namespace ampc::cost

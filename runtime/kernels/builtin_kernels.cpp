// The table of builtin kernels: the one list of their names.
#include "runtime/kernels/builtin_kernels.h"

#include "runtime/kernels/along_axis.h"
#include "runtime/kernels/col2im.h"
#include "runtime/kernels/recurrence.h"
#include "runtime/kernels/roi_align.h"
#include "runtime/kernels/scatter.h"
#include "runtime/kernels/topk.h"

namespace ampc {

namespace {
constexpr BuiltinKernel table[] = {
    {"topk", runTopK, checkTopK},
    {"scatter_elements", runScatterElements, checkScatterElements},
    {"scatter_nd", runScatterNd, checkScatterNd},
    {"cumulate", runCumulate, checkCumulate},
    {"arg_extreme", runArgExtreme, checkArgExtreme},
    {"roi_align", runRoiAlign, checkRoiAlign},
    {"col2im", runCol2Im, checkCol2Im},
    {"recurrence", runRecurrence, checkRecurrence},
    {"bitcast", runBitcast, checkBitcast},
};
} // namespace

std::span<const BuiltinKernel> builtinKernels() { return table; }

const BuiltinKernel *findBuiltinKernel(std::string_view name) {
  for (const BuiltinKernel &kernel : table)
    if (kernel.name == name)
      return &kernel;
  return nullptr;
}

} // namespace ampc

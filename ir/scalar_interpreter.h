// Interprets scalar programs for the reference evaluation, a batch of loop points at a time, and converts
// single values between element types. Knows nothing of loops: the caller fills in offsets and loop indices.
#pragma once

#include "ir/host_tensor.h"
#include "ir/scalar_program.h"

#include <optional>
#include <string>
#include <vector>

namespace ampc {

/// `value` rounded to the nearest value of a float type (f64, f32, f16, bf16).
double roundToType(DataType type, double value);
/// The low bits of `value` as the integer type sees them: sign- or zero-extended; u64 keeps its bit pattern.
int64_t wrapToType(DataType type, int64_t value);
/// ScalarOp::Cast from float: truncates, saturates, NaN is 0; bool is != 0.
int64_t realToInteger(DataType type, double value);
/// Value of an integer (in the form wrapToType returns) of the given type.
double integerToReal(DataType type, int64_t value);

/// Element `index` of a buffer of `type`, and back; floats through double, the rest through int64.
double loadReal(DataType type, const char *data, int64_t index);
int64_t loadInteger(DataType type, const char *data, int64_t index);
void storeReal(DataType type, char *data, int64_t index, double value);
void storeInteger(DataType type, char *data, int64_t index, int64_t value);

class ScalarInterpreter {
public:
  static constexpr int batchSize = 256;

  struct Operand {
    TensorType type;
    const char *data = nullptr;
    double outside = 0; // read where the offset is negative
  };

  /// `error` is set if the program is not well typed. `program` must outlive the interpreter.
  ScalarInterpreter(const ScalarProgram &program, std::vector<Operand> operands);

  bool usesLoop(int loop) const;
  bool usesOperand(int number) const;
  /// The index of `loop` at each point of the batch; filled in by the caller before `run`.
  std::vector<int64_t> &loopIndices(int loop);
  /// Row-major element offset of the operand at each point; negative: outside.
  std::vector<int64_t> &offsets(int number) { return operandOffsets[number]; }

  /// Computes `count` <= batchSize points. False if a Load leaves its operand; `error` then says which.
  bool run(int count);
  std::string error;

  /// Results of the last run: one of the two, by `isFloat(resultType())`.
  DataType resultType() const { return program.nodes[program.result].type; }
  const double *realResults() const { return lanes[program.result].real.data(); }
  const int64_t *integerResults() const { return lanes[program.result].integer.data(); }

private:
  struct Lanes {
    std::vector<double> real;
    std::vector<int64_t> integer;
  };
  const ScalarProgram &program;
  std::vector<Operand> operands;
  std::vector<std::vector<int64_t>> operandOffsets, loops;
  std::vector<Lanes> lanes;

  void gather(int node, int operand, const std::vector<int64_t> &offsets, int count);
  bool runLoad(int node, int count);
  void runFloat(int node, int count);
  void runInteger(int node, int count);
  void runCompare(int node, int count);
  void runCast(int node, int count);
};

} // namespace ampc

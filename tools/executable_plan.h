// Where a verb takes PLAN or MODEL: the plan that it executes, compiled first where a model was given.
#pragma once

#include "runtime/plan/plan_file.h"
#include "tools/files.h"
#include "tools/model_scan.h"
#include "tools/options.h"
#include "tools/session.h"

namespace ampc::tools {

/// True when the file begins like a plan.
Result<bool> isPlanFile(const std::string &path);

/// The model inside a plan; empty where there is none.
ScannedModel scanStoredModel(const plan::PlanFile &file);

class ExecutablePlan {
public:
  /// `operand` is a plan or a model. A model is compiled with the options into a temporary plan; inputs whose files are
  /// given bind the model's open dimensions, and small ones that decide shapes or branches become constants.
  static Result<ExecutablePlan> open(const std::string &operand, const Options &options);

  const std::string &path() const { return planPath; }
  const plan::Plan &plan() const { return file->plan(); }
  const ScannedModel &model() const { return scanned; }
  bool wasCompiled() const { return temporary != nullptr; }

private:
  std::string planPath;
  std::unique_ptr<TemporaryFile> temporary;
  std::unique_ptr<plan::PlanFile> file;
  ScannedModel scanned;
};

} // namespace ampc::tools

// The error that every part of the compiler returns: code, one sentence, facts, remedy. The list of codes is
// error_code.h.
#pragma once

#include "ir/error_code.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <string>
#include <utility>
#include <vector>

namespace ampc {

class Diagnostic : public llvm::ErrorInfo<Diagnostic> {
public:
  static char ID;
  ErrorCode code;
  std::string sentence;
  std::vector<std::pair<std::string, std::string>> facts; // "node" -> "encoder/MatMul_3"
  std::string remedy;

  Diagnostic(ErrorCode code, std::string sentence) : code(code), sentence(std::move(sentence)) {}
  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }
};

using Facts = std::vector<std::pair<std::string, std::string>>;
llvm::Error makeError(ErrorCode code, const llvm::Twine &sentence, Facts facts = {}, const llvm::Twine &remedy = "");
/// Adds facts (and code, if given) to an error on its way up.
llvm::Error withFacts(llvm::Error error, Facts facts, const llvm::Twine &remedy = "");
/// The sentence alone, for an error that becomes part of another one.
std::string sentenceOf(llvm::Error error);

} // namespace ampc

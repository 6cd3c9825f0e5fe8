// Renders and enriches diagnostics.
#include "ir/diagnostic.h"

#include "llvm/Support/raw_ostream.h"

namespace ampc {

char Diagnostic::ID = 0;

void Diagnostic::log(llvm::raw_ostream &os) const {
  os << "ampc: error AMPC-" << int(code) << ": " << sentence << "\n";
  for (const auto &[name, value] : facts)
    os << "  " << name << ": " << value << "\n";
  if (!remedy.empty())
    os << "remedy: " << remedy << "\n";
}

llvm::Error makeError(ErrorCode code, const llvm::Twine &sentence, Facts facts, const llvm::Twine &remedy) {
  auto diagnostic = std::make_unique<Diagnostic>(code, sentence.str());
  diagnostic->facts = std::move(facts);
  diagnostic->remedy = remedy.str();
  return llvm::Error(std::move(diagnostic));
}

llvm::Error withFacts(llvm::Error error, Facts facts, const llvm::Twine &remedy) {
  std::string remedyText = remedy.str();
  return llvm::handleErrors(std::move(error), [&](std::unique_ptr<Diagnostic> diagnostic) -> llvm::Error {
    diagnostic->facts.insert(diagnostic->facts.begin(), facts.begin(), facts.end());
    if (diagnostic->remedy.empty())
      diagnostic->remedy = remedyText;
    return llvm::Error(std::move(diagnostic));
  });
}

std::string sentenceOf(llvm::Error error) {
  std::string sentence;
  llvm::handleAllErrors(
      std::move(error), [&](const Diagnostic &diagnostic) { sentence = diagnostic.sentence; },
      [&](const llvm::ErrorInfoBase &other) { sentence = other.message(); });
  return sentence;
}

} // namespace ampc

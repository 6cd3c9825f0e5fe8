// One LLVM module and one object per kernel, compiled by threads that share nothing but the list; linked in
// order.
#include "codegen/compile_kernels.h"
#include "codegen/emit_kernel.h"
#include "codegen/in_place.h"
#include "codegen/kernel_graph.h"
#include "codegen/link.h"
#include "codegen/optimize.h"
#include "ir/diagnostic.h"
#include "ir/dialect.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

using namespace llvm;

namespace ampc {

namespace {

using Object = SmallVector<char, 0>;

struct CompiledKernel {
  KernelInfo info;
  Object object;
  std::set<std::string> undefined; // functions that it calls
};

Expected<codegen::KernelGraph> parseKernel(StringRef text, const Twine &name, mlir::MLIRContext &context) {
  std::string messages;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    messages += (messages.empty() ? "" : "; ") + diagnostic.str();
    return mlir::success();
  });
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  auto function = module ? module->lookupSymbol<mlir::func::FuncOp>("kernel") : nullptr;
  if (!function || function.isExternal() || !llvm::hasSingleElement(function.getBody()))
    return makeError(ErrorCode::Internal, "kernel " + name + " cannot be read: " +
                                              (messages.empty() ? "no function @kernel" : messages));
  Expected<codegen::KernelGraph> graph = codegen::readKernel(function);
  if (!graph)
    return withFacts(graph.takeError(), {{"kernel", name.str()}});
  return graph;
}

/// What one thread keeps between kernels.
class KernelCompiler {
public:
  KernelCompiler(const TargetInfo &target, std::unique_ptr<TargetMachine> machine)
      : target(target), machine(std::move(machine)), context(mlir::MLIRContext::Threading::DISABLED) {
    loadDialects(context);
  }

  Expected<CompiledKernel> compile(const KernelRequest &request) {
    Expected<codegen::KernelGraph> graph = parseKernel(request.text, request.symbol, context);
    if (!graph)
      return graph.takeError();

    LLVMContext llvmContext;
    Module llvmModule(request.symbol, llvmContext);
    llvmModule.setTargetTriple(machine->getTargetTriple());
    llvmModule.setDataLayout(machine->createDataLayout());
    llvmModule.setPICLevel(PICLevel::BigPIC);
    Expected<codegen::EmittedKernel> emitted =
        codegen::emitKernel(llvmModule, request.symbol, *graph, target, request.leastDividedWork, request.inPlace);
    if (!emitted)
      return emitted.takeError();
    std::string faults;
    raw_string_ostream faultStream(faults);
    if (verifyModule(llvmModule, &faultStream))
      return makeError(ErrorCode::Internal, "kernel " + request.symbol + " became invalid code: " + faults);
    codegen::optimizeModule(llvmModule, *machine);
    CompiledKernel result;
    result.info = {emitted->workspaceBytes, emitted->rows};
    Expected<Object> object = codegen::emitObject(llvmModule, *machine);
    if (!object)
      return object.takeError();
    result.object = std::move(*object);
    for (Function &function : llvmModule)
      if (function.isDeclaration() && !function.isIntrinsic() && !function.use_empty())
        result.undefined.insert(function.getName().str());
    // frem has no instruction of its own and becomes a call while code is generated.
    result.undefined.insert({"fmod", "fmodf"});
    return result;
  }

private:
  const TargetInfo &target;
  std::unique_ptr<TargetMachine> machine;
  mlir::MLIRContext context;
};

// A library that defines `symbols` and nothing else, to link against.
Expected<Object> makeImportObject(const std::set<std::string> &symbols, TargetMachine &machine) {
  LLVMContext context;
  Module module("import", context);
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  module.setPICLevel(PICLevel::BigPIC);
  IRBuilder<> builder(context);
  for (const std::string &symbol : symbols) {
    auto *function = Function::Create(FunctionType::get(builder.getVoidTy(), false),
                                      Function::ExternalLinkage, symbol, module);
    builder.SetInsertPoint(BasicBlock::Create(context, "entry", function));
    builder.CreateRetVoid();
  }
  return codegen::emitObject(module, machine);
}

} // namespace

Expected<std::vector<plan::InPlacePair>> inPlacePairsOf(StringRef text, mlir::MLIRContext &context) {
  Expected<codegen::KernelGraph> graph = parseKernel(text, "to be placed", context);
  if (!graph)
    return graph.takeError();
  const codegen::Schedule schedule = codegen::makeSchedule(*graph);
  std::vector<std::vector<codegen::GroupPlan>> groups;
  constexpr unsigned anyVectorBits = 512; // decides lanes, which the proof does not look at
  for (const codegen::Group &group : schedule.groups)
    groups.push_back(codegen::planGroup(*graph, schedule, group, anyVectorBits));
  return codegen::inPlacePairs(*graph, schedule, groups);
}

Expected<KernelLibrary> compileKernels(ArrayRef<KernelRequest> requests, const TargetOptions &options,
                                       int jobs) {
  Expected<TargetInfo> target = resolveTarget(options);
  if (!target)
    return target.takeError();
  OpTable::get(); // built before threads ask for it
  std::vector<std::optional<CompiledKernel>> compiled(requests.size());
  std::vector<std::optional<Error>> errors(requests.size());
  std::atomic<size_t> next = 0;
  std::mutex machineMutex;
  std::optional<Error> machineError;
  auto work = [&] {
    Expected<std::unique_ptr<TargetMachine>> machine = createTargetMachine(*target);
    if (!machine) {
      std::lock_guard<std::mutex> lock(machineMutex);
      if (machineError)
        consumeError(machine.takeError());
      else
        machineError = machine.takeError();
      return;
    }
    KernelCompiler compiler(*target, std::move(*machine));
    for (size_t k; (k = next++) < requests.size();) {
      Expected<CompiledKernel> kernel = compiler.compile(requests[k]);
      if (kernel)
        compiled[k] = std::move(*kernel);
      else
        errors[k] = kernel.takeError();
    }
  };
  size_t count = std::clamp<size_t>(size_t(std::max(jobs, 1)), 1, std::max<size_t>(requests.size(), 1));
  std::vector<std::thread> threads;
  for (size_t k = 1; k < count; ++k)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();

  // The first error in order of requests, whichever thread met one first.
  Error failure = machineError ? std::move(*machineError) : Error::success();
  for (std::optional<Error> &error : errors) {
    if (!error)
      continue;
    if (failure)
      consumeError(std::move(*error));
    else
      failure = std::move(*error);
  }
  if (failure)
    return failure;

  KernelLibrary library;
  std::vector<Object> objects;
  std::set<std::string> vectorMath, scalarMath;
  for (std::optional<CompiledKernel> &kernel : compiled) {
    library.kernels.push_back(kernel->info);
    objects.push_back(std::move(kernel->object));
    for (const std::string &symbol : kernel->undefined)
      (StringRef(symbol).starts_with("_ZGV") ? vectorMath : scalarMath).insert(symbol);
  }
  Expected<std::unique_ptr<TargetMachine>> machine = createTargetMachine(*target);
  if (!machine)
    return machine.takeError();
  std::vector<codegen::NeededLibrary> needed;
  for (auto &[soname, symbols] :
       {std::pair("libmvec.so.1", &vectorMath), std::pair("libm.so.6", &scalarMath)}) {
    Expected<Object> importObject = makeImportObject(*symbols, **machine);
    if (!importObject)
      return importObject.takeError();
    needed.push_back({soname, std::move(*importObject)});
  }
  Expected<std::vector<char>> sharedObject = codegen::linkSharedObject(objects, needed);
  if (!sharedObject)
    return sharedObject.takeError();
  library.sharedObject = std::move(*sharedObject);
  library.target = std::move(*target);
  return library;
}

} // namespace ampc

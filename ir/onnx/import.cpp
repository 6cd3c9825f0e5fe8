// The importer from end to end: scan, check, bind inputs, walk the graph.
#include "ir/onnx/import.h"
#include "ir/onnx/graph_importer.h"
#include "ir/onnx/model_file.h"

#include "mlir/IR/Verifier.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message_lite.h>

namespace ampc {

// The same model gives the same bytes; what the scanner added does not leave the importer.
static std::string serialize(const onnx::ModelProto &model) {
  onnx::ModelProto copy = model;
  copy.DiscardUnknownFields();
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  copy.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

static llvm::Error checkStates(const ImportOptions &options, const ImportedModel &imported) {
  auto find = [](const std::vector<ModelTensor> &tensors, const std::string &name) {
    auto entry = llvm::find_if(tensors, [&](const ModelTensor &tensor) { return tensor.name == name; });
    return entry == tensors.end() ? nullptr : &*entry;
  };
  std::vector<std::string> inputs, outputs;
  for (const auto &[in, out] : options.states) {
    const ModelTensor *input = find(imported.inputs, in), *output = find(imported.outputs, out);
    std::string option = "--state " + in + "=" + out;
    if (!input)
      return makeError(ErrorCode::UnknownName, option + ": `" + in + "` is not an input of the model");
    if (!output)
      return makeError(ErrorCode::UnknownName, option + ": `" + out + "` is not an output of the model");
    if (input->type != output->type)
      return makeError(ErrorCode::Usage, option + ": the input and the output differ in type or shape");
    if (llvm::is_contained(inputs, in) || llvm::is_contained(outputs, out))
      return makeError(ErrorCode::Usage, option + ": a tensor is named by two states");
    inputs.push_back(in), outputs.push_back(out);
  }
  return llvm::Error::success();
}

static llvm::Expected<ImportedModel> importFile(mlir::MLIRContext &context, const ModelFile &file,
                                                const ImportOptions &options) {
  google::protobuf::LogSilencer silence; // what is wrong with a message is said by our errors alone
  loadDialects(context);
  llvm::Expected<ScannedModel> scanned = scanModel(file);
  if (!scanned)
    return scanned.takeError();
  onnx::ModelProto model;
  if (!model.ParseFromString(scanned->stripped))
    return makeError(ErrorCode::InvalidModel, "not an ONNX model: its messages are damaged");
  scanned->stripped = std::string();

  // Sizes and places of all tensors; the small ones are read.
  TensorRecords records(file, folderOf(file.path()), options.weightsOptional);
  if (llvm::Error error = records.collect(model, std::move(scanned->payloads)))
    return error;
  ImportedModel imported;
  imported.strippedModel = serialize(model);
  // Before the checks: they give outputs and inputs without a shape an empty one.
  llvm::Expected<std::vector<BoundInput>> inputs = bindInputs(model.graph(), options);
  if (llvm::Error error = checkModel(model)) {
    if (!inputs)
      llvm::consumeError(inputs.takeError());
    return error; // says more than an open dimension of a broken model
  }
  if (!inputs)
    return inputs.takeError();
  for (const BoundInput &input : *inputs)
    if (!input.value)
      imported.inputs.push_back({input.name, input.type});

  imported.module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  GraphImporter importer(context, records, model, imported.weights, options);
  if (llvm::Error error = importer.run(*imported.module, std::move(*inputs), imported.outputs))
    return error;
  if (llvm::Error error = checkStates(options, imported))
    return error;
  for (const onnx::StringStringEntryProto &entry : model.metadata_props())
    imported.metadata[entry.key()] = entry.value();
  if (mlir::failed(mlir::verify(*imported.module)))
    return makeError(ErrorCode::Internal, "the imported module is not valid");
  return imported;
}

llvm::Expected<ImportedModel> importOnnx(mlir::MLIRContext &context, const std::string &path,
                                         const ImportOptions &options) {
  llvm::Expected<ModelFile> file = ModelFile::open(path);
  if (!file)
    return file.takeError();
  llvm::Expected<ImportedModel> imported = importFile(context, *file, options);
  if (!imported)
    return withFacts(imported.takeError(), {{"model", path}});
  return imported;
}

llvm::Expected<ImportedModel> importStripped(mlir::MLIRContext &context, const std::string &bytes,
                                             const ImportOptions &options) {
  ModelFile file = ModelFile::fromBytes(bytes);
  ImportOptions stripped = options;
  stripped.weightsOptional = true;
  return importFile(context, file, stripped);
}

} // namespace ampc

// Registers the dialect from the op table; types, names and literals of its modules.
#include "ir/dialect.h"
#include "ir/diagnostic.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

MLIR_DEFINE_EXPLICIT_TYPE_ID(ampc::AmpcDialect)

namespace ampc {

// Structural operations: no row, meaning given by the pass that inserts them.
static constexpr llvm::StringLiteral structuralOps[] = {"reshard", "transfer", "kernel"};

static ParseResult parseOp(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  FunctionType type;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseOperandList(operands) || parser.parseOptionalAttrDict(state.attributes))
    return failure();
  OptionalParseResult region = parser.parseOptionalRegion(*state.addRegion());
  if (region.has_value() && failed(*region))
    return failure();
  if (!region.has_value())
    state.regions.clear();
  if (parser.parseColonType(type) || parser.resolveOperands(operands, type.getInputs(), location, state.operands))
    return failure();
  state.addTypes(type.getResults());
  return success();
}

static void printOp(Operation *op, OpAsmPrinter &printer, StringRef) {
  if (op->getNumOperands())
    printer << " " << op->getOperands();
  printer.printOptionalAttrDict(op->getAttrs());
  for (Region &region : op->getRegions()) {
    printer << " ";
    printer.printRegion(region);
  }
  printer << " : ";
  printer.printFunctionalType(op);
}

namespace {
/// Ends the body of a kernel. Not a dynamic op, since those cannot be terminators.
class YieldOp : public Op<YieldOp, OpTrait::ZeroResults, OpTrait::ZeroRegions, OpTrait::VariadicOperands,
                          OpTrait::IsTerminator> {
public:
  using Op::Op;
  static StringRef getOperationName() { return "ampc.yield"; }
  static ArrayRef<StringRef> getAttributeNames() { return {}; }
  static ParseResult parse(OpAsmParser &parser, OperationState &state) { return parseOp(parser, state); }
  void print(OpAsmPrinter &printer) { printOp(getOperation(), printer, ""); }
};
} // namespace

static LogicalResult verifyRow(Operation *op) {
  const OpRow *row = OpTable::get().find(op);
  if (!row)
    return success();
  int count = int(op->getNumOperands());
  if (count < row->minOperands || (row->maxOperands >= 0 && count > row->maxOperands))
    return op->emitOpError("has ") << count << " operands";
  for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
    if (!fromMlir(type))
      return op->emitOpError("has a type outside the dialect: ") << type;
  return success();
}

AmpcDialect::AmpcDialect(MLIRContext *context)
    : ExtensibleDialect(getDialectNamespace(), context, TypeID::get<AmpcDialect>()) {
  auto add = [&](StringRef name) {
    registerDynamicOp(DynamicOpDefinition::get(
        name, this, [](Operation *op) { return verifyRow(op); }, [](Operation *) { return success(); }, parseOp,
        [](Operation *op, OpAsmPrinter &printer, StringRef dialect) {
          printer << op->getName().getStringRef();
          printOp(op, printer, dialect);
        }));
  };
  for (const OpRow &row : OpTable::get().rows())
    add(row.name);
  for (StringRef name : structuralOps)
    add(name);
  addOperations<YieldOp>();
}

// The interface's method table for ops without effects; CSE and dead-code removal of MLIR then apply.
void *AmpcDialect::getRegisteredInterfaceForOp(TypeID interfaceId, OperationName opName) {
  if (interfaceId != MemoryEffectOpInterface::getInterfaceID())
    return nullptr;
  StringRef name = opName.stripDialect();
  if (name == "output" || name == "transfer" || name == "yield" || name == "kernel")
    return nullptr;
  struct NoEffects : MemoryEffectOpInterface::Concept {
    NoEffects() {
      getEffects = [](const Concept *, Operation *,
                      SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &) {};
    }
  };
  static NoEffects noEffects;
  return &noEffects;
}

void loadDialects(MLIRContext &context) { context.loadDialect<AmpcDialect, func::FuncDialect>(); }

Type toMlir(MLIRContext *context, DataType type) {
  switch (type) {
  case DataType::F64: return Float64Type::get(context);
  case DataType::F32: return Float32Type::get(context);
  case DataType::F16: return Float16Type::get(context);
  case DataType::BF16: return BFloat16Type::get(context);
  case DataType::Bool: return IntegerType::get(context, 1);
  default:
    return IntegerType::get(context, bitWidth(type),
                            isUnsignedInteger(type) ? IntegerType::Unsigned : IntegerType::Signless);
  }
}

RankedTensorType toMlir(MLIRContext *context, const TensorType &type) {
  return RankedTensorType::get(type.shape, toMlir(context, type.type));
}

static std::optional<DataType> elementType(Type type) {
  if (type.isF64()) return DataType::F64;
  if (type.isF32()) return DataType::F32;
  if (type.isF16()) return DataType::F16;
  if (type.isBF16()) return DataType::BF16;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.isSigned())
    return std::nullopt;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1: return isUnsigned ? std::nullopt : std::optional(DataType::Bool);
  case 8: return isUnsigned ? DataType::U8 : DataType::I8;
  case 16: return isUnsigned ? DataType::U16 : DataType::I16;
  case 32: return isUnsigned ? DataType::U32 : DataType::I32;
  case 64: return isUnsigned ? DataType::U64 : DataType::I64;
  }
  return std::nullopt;
}

std::optional<TensorType> fromMlir(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return std::nullopt;
  std::optional<DataType> element = elementType(tensor.getElementType());
  if (!element)
    return std::nullopt;
  return TensorType{*element, tensor.getShape().vec()};
}

TensorType typeOf(Value value) { return *fromMlir(value.getType()); }

StringRef nameOf(Operation *op) {
  auto name = op->getAttrOfType<StringAttr>("name");
  return name ? name.getValue() : StringRef();
}

Operation *createOp(OpBuilder &builder, StringRef row, StringRef name, ArrayRef<Value> operands,
                    ArrayRef<NamedAttribute> attributes, ArrayRef<TensorType> results) {
  OperationState state(builder.getUnknownLoc(), ("ampc." + row).str());
  state.addOperands(operands);
  state.addAttribute("name", builder.getStringAttr(name));
  state.addAttributes(attributes);
  for (const TensorType &type : results)
    state.addTypes(toMlir(builder.getContext(), type));
  return builder.create(state);
}

Operation *createConstant(OpBuilder &builder, StringRef name, const HostTensor &value) {
  RankedTensorType type = toMlir(builder.getContext(), value.type);
  DenseElementsAttr dense;
  if (value.type.type == DataType::Bool) {
    SmallVector<bool> bits(value.bytes.begin(), value.bytes.end());
    dense = DenseElementsAttr::get(type, bits);
  } else {
    dense = DenseElementsAttr::getFromRawBuffer(type, value.bytes);
  }
  return createOp(builder, "constant", name, {}, builder.getNamedAttr("value", dense), value.type);
}

std::optional<HostTensor> constantValue(Value value) {
  Operation *op = value.getDefiningOp();
  auto dense = op ? op->getAttrOfType<DenseElementsAttr>("value") : nullptr;
  if (!dense || op->getName().getStringRef() != "ampc.constant")
    return std::nullopt;
  HostTensor result(*fromMlir(dense.getType())); // the whole literal, also where the value is a shard of it
  if (result.type.type == DataType::Bool) {
    int64_t k = 0;
    for (bool bit : dense.getValues<bool>())
      result.bytes[k++] = bit;
    return result;
  }
  ArrayRef<char> raw = dense.getRawData();
  size_t element = bitWidth(result.type.type) / 8;
  if (dense.isSplat())
    for (size_t k = 0; k < result.bytes.size(); k += element)
      std::memcpy(&result.bytes[k], raw.data(), element);
  else if (!result.bytes.empty())
    std::memcpy(result.bytes.data(), raw.data(), result.bytes.size());
  return result;
}

} // namespace ampc

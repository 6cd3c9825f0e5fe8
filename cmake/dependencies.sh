# What ampc takes from outside, and which version: read by setup.sh, nowhere else.

# Debian 12 (with its security archive, where LLVM 22 lives). Nothing here is optional.
DEBIAN_PACKAGES=(
  g++ git ninja-build ccache pkg-config python3 python3-venv ca-certificates
  llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools liblld-22-dev clang-22 libclang-rt-22-dev
  libprotobuf-dev protobuf-compiler libprotozero-dev nlohmann-json3-dev
  libgtest-dev libgmock-dev zlib1g-dev libzstd-dev libxml2-dev libedit-dev
  fonts-dejavu-core
)

# Wheels that carry trained models; only their .onnx files are read.
MODEL_WHEELS=(rapidocr-onnxruntime==1.4.4 silero-vad==6.2.3)

ONNX_VERSION=1.23.2

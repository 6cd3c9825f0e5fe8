"""The real models that the tests use, and how their inputs are pinned. Trained models come from the wheels that
setup.sh fetched; the light CNNs of the onnx wheel get seeded random weights instead of their constant fills."""

import glob
import os

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from PIL import Image, ImageDraw, ImageFont

CACHE = os.environ.get("AMPC_CACHE", os.path.expanduser("~/.cache/ampc"))


def wheel_file(pattern):
    found = glob.glob(os.path.join(CACHE, "models", pattern))
    return found[0] if found else None


def drawn_text(shape, seed):
    """An image of dark letters on a light ground, as text detection expects it: noise would give all zeros."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (shape[3], shape[2]), "white")
    draw = ImageDraw.Draw(image)
    try:
        font = ImageFont.truetype("DejaVuSans.ttf", 24)
    except OSError:
        font = ImageFont.load_default()
    for line in range(shape[2] // 32):
        letters = "".join(chr(97 + int(k)) for k in random.integers(26, size=9))
        draw.text((5 + int(random.integers(20)), 2 + 32 * line), letters, fill="black", font=font)
    pixels = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255
    mean = np.array([0.485, 0.456, 0.406], np.float32).reshape(1, 3, 1, 1)
    deviation = np.array([0.229, 0.224, 0.225], np.float32).reshape(1, 3, 1, 1)
    return (pixels - mean) / deviation


def drawn_voice(shape, seed):
    """Rows of voiced sound: harmonics of a random pitch with a little noise, 16,000 samples a second. White noise at full
    scale, which no microphone delivers, drives the recurrent state to where rounding in f32 is amplified a thousand
    times, ONNX Runtime's own included."""
    random = np.random.default_rng(seed)
    time = np.arange(shape[-1]) / 16000
    rows = []
    for _ in range(int(np.prod(shape[:-1]))):
        pitch, loudness = random.uniform(90, 300), random.uniform(0.02, 0.3)
        tones = [np.sin(2 * np.pi * (k * pitch * time + random.uniform())) / k for k in range(1, 12)]
        rows.append(loudness * sum(tones) / 2 + random.normal(0, 0.005, shape[-1]))
    return np.array(rows).reshape(shape)


# Inputs that must look like something, by model and input.
DRAWN = {("ocr-detection", "x"): drawn_text}
DRAWN.update({(model, "input"): drawn_voice
              for model in ("vad", "vad-8k", "vad-16k-op15", "vad-sequence", "vad-half", "vad-op18", "vad-openvino")})


def trained_models():
    """(name, path, shapes, values, states): options of the command line, by input. Batches are as large as keeps the
    number of input sets low that give enough distinct values."""
    ocr, vad = "rapidocr-onnxruntime*/rapidocr_onnxruntime/models/", "silero-vad*/silero_vad/data/"
    state = {"state": (2, 20, 128)}
    table = [
        ("ocr-detection", ocr + "*det_infer.onnx", {"x": (1, 3, 96, 160)}, {}, {}),
        ("ocr-recognition", ocr + "*rec_infer.onnx", {"x": (1, 3, 48, 320)}, {}, {}),
        ("ocr-orientation", ocr + "*cls_infer.onnx", {"x": (8, 3, 48, 192)}, {}, {}),
        ("vad", vad + "silero_vad.onnx", {"input": (20, 512), **state}, {"sr": 16000}, {"state": "stateN"}),
        ("vad-8k", vad + "silero_vad.onnx", {"input": (20, 256), **state}, {"sr": 8000}, {"state": "stateN"}),
        ("vad-16k-op15", vad + "silero_vad_16k_op15.onnx", {"input": (20, 512), **state}, {"sr": 16000},
         {"state": "stateN"}),
        ("vad-sequence", vad + "silero_vad_16k_sequence.onnx", {"input": (20, 576)}, {}, {"h": "hn", "c": "cn"}),
        ("vad-half", vad + "silero_vad_half.onnx", {"input": (20, 512), **state}, {}, {"state": "stateN"}),
        ("vad-op18", vad + "silero_vad_op18_ifless.onnx", {"input": (20, 512), **state}, {"sr": 16000},
         {"state": "stateN"}),
        ("vad-openvino", vad + "silero_vad_openvino_16k.onnx", {}, {}, {"state": "stateN"}),
    ]
    return [(name, wheel_file(pattern), *rest) for name, pattern, *rest in table if wheel_file(pattern)]


def light_paths():
    folder = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "light")
    return sorted(glob.glob(os.path.join(folder, "light_*.onnx")))


def with_random_weights(path, seed=0):
    """The model with every fill of constant shape replaced by an initializer of random values: variances and gains of
    normalisations positive, everything else scaled by the fan-in."""
    model = onnx.load(path)
    graph, random = model.graph, np.random.default_rng(seed)
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    positive, kept = set(), []
    for node in graph.node:
        if node.op_type == "BatchNormalization":
            positive.update({node.input[1], node.input[4]})
    for node in graph.node:
        fill = node.op_type == "ConstantOfShape" and node.input[0] in shapes
        if not fill:
            kept.append(node)
            continue
        shape, name = [int(extent) for extent in shapes[node.input[0]]], node.output[0]
        if name in positive:
            values = random.uniform(0.5, 1.5, shape)
        else:
            fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 100
            values = random.standard_normal(shape) * np.sqrt(2.0 / fan_in)
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
    del graph.node[:]
    graph.node.extend(kept)
    model.ir_version = max(model.ir_version, 4)  # before 4, initializers had to be listed as inputs
    calm_logits(model)
    return model


def calm_logits(model):
    """Scales the last product so that the final softmax is no mere maximum: without trained statistics the values of
    deep networks grow from layer to layer."""
    graph = model.graph
    softmaxes = [node for node in graph.node if node.op_type == "Softmax"]
    if not softmaxes:
        return
    logits = softmaxes[-1].input[0]
    producer = [node for node in graph.node if logits in node.output][0]
    if producer.op_type != "Gemm":
        return
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.append(onnx.helper.make_empty_tensor_value_info(logits))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
    image = session.get_inputs()[0]
    values = session.run([logits], {image.name: np.random.default_rng(0).uniform(-1, 1, image.shape).astype("f")})[0]
    for tensor in graph.initializer:
        if tensor.name in producer.input[1:]:
            scaled = numpy_helper.to_array(tensor) * np.float32(2 / values.std())
            tensor.CopyFrom(numpy_helper.from_array(scaled, tensor.name))

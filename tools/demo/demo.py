#!/usr/bin/env python3
"""The demo of ./setup.sh demo: a trained text recognition model reads a line of text on 4 CPU devices. The line is
drawn here, the model is PP-OCRv4 from a PyPI wheel, everything else is the command line of ampc."""

import argparse
import glob
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
from PIL import Image, ImageDraw, ImageFont

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AMPC = os.environ.get("AMPC_PROGRAM", os.path.join(ROOT, "build", "bin", "ampc"))
CACHE = os.environ.get("AMPC_CACHE", os.path.expanduser("~/.cache/ampc"))
HEIGHT, WIDTH = 48, 320


def find_model():
    pattern = os.path.join(CACHE, "models", "rapidocr-onnxruntime*", "rapidocr_onnxruntime", "models", "*rec_infer.onnx")
    found = glob.glob(pattern)
    if not found:
        sys.exit("demo: the recognition model is missing; run ./setup.sh first")
    return found[0]


def draw(text):
    """Black letters on white, as wide as the model's input allows."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    for size in range(34, 8, -1):
        font = ImageFont.truetype("DejaVuSans.ttf", size)
        left, top, right, bottom = font.getbbox(text)
        if right - left <= WIDTH - 16:
            break
    ImageDraw.Draw(image).text((8 - left, (HEIGHT - top - bottom) // 2), text, fill="black", font=font)
    return image


def prepare(image):
    """1x3x48x320, values in [-1, 1]."""
    pixels = np.asarray(image, np.float32).transpose(2, 0, 1)[None]
    return np.ascontiguousarray((pixels / 255 - 0.5) / 0.5)


def decode(probabilities, characters):
    """Connectionist temporal classification: the best class of every step, repeats merged, blanks (class 0) dropped."""
    classes = ["", *characters, " "]
    best = probabilities.argmax(axis=-1)
    merged = [k for i, k in enumerate(best) if i == 0 or k != best[i - 1]]
    return "".join(classes[k] for k in merged if k < len(classes)).strip()


def characters_of(model_path):
    model = onnx.load(model_path)
    return {entry.key: entry.value for entry in model.metadata_props}["character"].splitlines()


def call(*arguments):
    shown = " ".join(["ampc", *arguments])
    print(f"\n$ {shown}", flush=True)
    code = subprocess.run([AMPC, *arguments]).returncode
    if code != 0:
        sys.exit(f"demo: `{shown}` ended with exit code {code}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", default="Hello from 4 devices")
    parser.add_argument("--devices", default="4")
    parser.add_argument("--folder", default=os.path.join(ROOT, "build", "demo"), help="where the files go")
    arguments = parser.parse_args()
    model = find_model()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    os.makedirs(arguments.folder)
    os.chdir(arguments.folder)
    image = draw(arguments.text)
    image.save("line.png")
    np.save("x.npy", prepare(image))
    print(f"demo: drew {arguments.text!r} into {os.path.join(arguments.folder, 'line.png')}")

    call(model, "--devices", arguments.devices, "--shape", f"x=1x3x{HEIGHT}x{WIDTH}", "-o", "recognition.plan")
    call("run", "recognition.plan", "--input", "x=x.npy", "--output-dir", "out")
    recognised = decode(np.load(os.path.join("out", "output_0.npy"))[0], characters_of(model))
    call("verify", "recognition.plan", "--input", "x=x.npy")
    call("report", "recognition.plan")

    print(f"\nrecognised: {recognised}")
    if recognised != arguments.text:
        sys.exit(f"demo: expected {arguments.text!r}")
    print(f"""
Next, in {arguments.folder}:

  {AMPC} bench recognition.plan
  {AMPC} report recognition.plan --format trace -o trace.json    (open it in Perfetto)
  {AMPC} YOUR_MODEL.onnx --devices 2
""")


if __name__ == "__main__":
    main()

"""Networks over images and plain vectors."""

import numpy as np

from graph_builder import GraphBuilder


def mlp(seed=0, batch=8, width=64, layers=3, classes=11):
    g = GraphBuilder("mlp", seed)
    x = g.input("x", [batch, width])
    for layer in range(layers):
        with g.scope(f"layer{layer}"):
            x = g.op("Gemm", x, g.weight(width, width), g.weight(width, scale=0.1, name="bias"))
            x = g.op("Relu", x)
    x = g.op("Gemm", x, g.weight(classes, width, scale=width ** -0.5), g.weight(classes, name="bias"), transB=1)
    g.output(g.op("Softmax", x, axis=-1), "probabilities")
    return g.build()


def convolution(g, x, channels_in, channels_out, size=3, stride=1, group=1, normalize=True, activate="Relu"):
    pad = size // 2
    x = g.op("Conv", x, g.weight(channels_out, channels_in // group, size, size), kernel_shape=[size, size],
             strides=[stride, stride], pads=[pad] * 4, group=group)
    if normalize:
        x = g.op("BatchNormalization", x, g.uniform(0.5, 1.5, channels_out, name="gain"),
                 g.weight(channels_out, scale=0.1, name="bias"), g.weight(channels_out, scale=0.1, name="mean"),
                 g.uniform(0.5, 1.5, channels_out, name="variance"))
    return g.op(activate, x) if activate else x


def classifier(g, x, channels, classes):
    x = g.op("GlobalAveragePool", x)
    x = g.op("Flatten", x, axis=1)
    x = g.op("Gemm", x, g.weight(classes, channels, scale=channels ** -0.5), g.weight(classes, name="bias"), transB=1)
    g.output(x, "logits")
    return g.build()


def cnn(seed=0, batch=2, size=32, channels=8, blocks=2, classes=10):
    """A small residual network with batch normalisation."""
    g = GraphBuilder("cnn", seed)
    x = g.input("image", [batch, 3, size, size])
    x = convolution(g, x, 3, channels, stride=2)
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for block in range(blocks):
        with g.scope(f"block{block}"):
            y = convolution(g, x, channels, channels)
            y = convolution(g, y, channels, channels, activate=None)
            x = g.op("Relu", g.op("Add", x, y))
    return classifier(g, x, channels, classes)


def resnet50(seed=0, batch=4, size=224, width=64, layers=(3, 4, 6, 3), classes=1000):
    """Bottleneck residual network in the proportions of ResNet-50."""
    g = GraphBuilder("resnet50", seed)
    x = g.input("image", [batch, 3, size, size])
    x = convolution(g, x, 3, width, size=7, stride=2)
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = width
    for stage, blocks in enumerate(layers):
        inner = width << stage
        for block in range(blocks):
            with g.scope(f"stage{stage}/block{block}"):
                stride = 2 if block == 0 and stage > 0 else 1
                y = convolution(g, x, channels, inner, size=1)
                y = convolution(g, y, inner, inner, stride=stride)
                y = convolution(g, y, inner, 4 * inner, size=1, activate=None)
                if block == 0:
                    x = convolution(g, x, channels, 4 * inner, size=1, stride=stride, activate=None)
                x = g.op("Relu", g.op("Add", x, y))
                channels = 4 * inner
    return classifier(g, x, channels, classes)


def mobile(seed=0, batch=2, size=32, channels=8, blocks=2, classes=10):
    """Depthwise separable convolutions with squeeze and excitation."""
    g = GraphBuilder("mobile", seed)
    x = g.input("image", [batch, 3, size, size])
    x = convolution(g, x, 3, channels, stride=2, activate="HardSwish")
    for block in range(blocks):
        with g.scope(f"block{block}"):
            wide = 3 * channels
            y = convolution(g, x, channels, wide, size=1, activate="HardSwish")
            y = convolution(g, y, wide, wide, group=wide, activate="HardSwish")
            s = g.op("GlobalAveragePool", y)
            s = convolution(g, s, wide, wide // 2, size=1, normalize=False)
            s = convolution(g, s, wide // 2, wide, size=1, normalize=False, activate="HardSigmoid")
            y = g.op("Mul", y, s)
            x = g.op("Add", x, convolution(g, y, wide, channels, size=1, activate=None))
    return classifier(g, x, channels, classes)


def unet(seed=0, batch=1, size=32, channels=8, depth=2, classes=3):
    """Encoder and decoder with skips, transposed convolution, resize, group normalisation."""
    g = GraphBuilder("unet", seed)
    x = g.input("image", [batch, 3, size, size])

    def norm(x, width):
        y = g.op("Reshape", x, g.integers(0, 4, -1))
        y = g.op("InstanceNormalization", y, g.constant(np.ones(4, np.float32)), g.constant(np.zeros(4, np.float32)))
        y = g.op("Reshape", y, g.op("Shape", x))
        gain = g.uniform(0.5, 1.5, width, 1, 1, name="gain")
        return g.op("Add", g.op("Mul", y, gain), g.weight(width, 1, 1, scale=0.1, name="bias"))

    def block(x, channels_in, channels_out):
        x = norm(convolution(g, x, channels_in, channels_out, normalize=False, activate=None), channels_out)
        return g.op("Mul", x, g.op("Sigmoid", x))

    skips, width = [], channels
    x = block(x, 3, width)
    for level in range(depth):
        with g.scope(f"down{level}"):
            skips.append(x)
            x = convolution(g, x, width, 2 * width, stride=2, normalize=False)
            width *= 2
            x = block(x, width, width)
    for level in reversed(range(depth)):
        with g.scope(f"up{level}"):
            if level % 2:
                scales = g.constant(np.array([1, 1, 2, 2], np.float32))
                x = g.op("Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric",
                         nearest_mode="floor")
                x = convolution(g, x, width, width // 2, normalize=False, activate=None)
            else:
                x = g.op("ConvTranspose", x, g.weight(width, width // 2, 2, 2), kernel_shape=[2, 2], strides=[2, 2])
            width //= 2
            x = block(g.op("Concat", x, skips[level], axis=1), 2 * width, width)
    g.output(convolution(g, x, width, classes, size=1, normalize=False, activate=None), "mask")
    return g.build()


def vit(seed=0, batch=2, size=32, patch=8, width=32, heads=4, layers=2, classes=10):
    from language import encoder_layer
    g = GraphBuilder("vit", seed)
    x = g.input("image", [batch, 3, size, size])
    x = g.op("Conv", x, g.weight(width, 3, patch, patch), g.weight(width, scale=0.1, name="bias"),
             kernel_shape=[patch, patch], strides=[patch, patch])
    x = g.op("Reshape", x, g.integers(0, 0, -1))
    x = g.op("Transpose", x, perm=[0, 2, 1])
    token = g.op("Expand", g.weight(1, 1, width, scale=1.0, name="token"), g.integers(batch, 1, width))
    x = g.op("Concat", token, x, axis=1)
    x = g.op("Add", x, g.weight(1, (size // patch) ** 2 + 1, width, scale=0.5, name="positions"))
    for layer in range(layers):
        with g.scope(f"layer{layer}"):
            x = encoder_layer(g, x, batch, (size // patch) ** 2 + 1, width, heads, pre_norm=True)
    x = g.layer_norm(x, width)
    x = g.op("Gather", x, g.constant(np.array(0, np.int64)), axis=1)
    g.output(g.linear(x, width, classes), "logits")
    return g.build()

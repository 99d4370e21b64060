"""Writes exported/*.onnx: what PyTorch's two exporters make of small models with random weights.

    python export_torch.py [NAME...]        (needs: torch onnxscript transformers; no name: all)

Not run by the tests, which read the files: users bring such graphs, so the tests must not depend on the version of
PyTorch at hand.  Architectures are Hugging Face transformers' own code where it has them, shrunk so that a file stays
under 200 KB; the rest are nn.Modules below.  NAME.ts.onnx comes from the TorchScript-based exporter (dynamo=False),
NAME.dynamo.onnx from the newer one; `_static` has fixed sizes, the others symbolic ones.
"""
import inspect
import os
import sys
import warnings

import onnx
import torch
import transformers
from torch import nn
from transformers.cache_utils import DynamicCache

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "exported")
LIMIT = 200_000
HIDDEN, HEADS, LAYERS, WORDS = 24, 4, 2, 64


# ---- modules ----

class Bert(nn.Module):
    def __init__(self, attention="eager"):
        super().__init__()
        self.model = transformers.BertModel(transformers.BertConfig(
            hidden_size=HIDDEN, num_attention_heads=HEADS, num_hidden_layers=LAYERS, intermediate_size=48,
            vocab_size=WORDS, max_position_embeddings=32, initializer_range=0.2, attn_implementation=attention))

    def forward(self, input_ids, attention_mask, token_type_ids):
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return out.last_hidden_state, out.pooler_output


class Gpt2(nn.Module):
    """The prompt; with `step`, past keys and values come in and grown ones go out."""

    def __init__(self, attention="eager", step=False):
        super().__init__()
        self.step = step
        self.model = transformers.GPT2LMHeadModel(transformers.GPT2Config(
            n_embd=HIDDEN, n_head=HEADS, n_layer=LAYERS, n_inner=48, vocab_size=WORDS, n_positions=32, initializer_range=0.2,
            attn_implementation=attention))

    def forward(self, input_ids, attention_mask, *past):
        return decode(self.model, self.step, past, input_ids=input_ids, attention_mask=attention_mask)


class Llama(nn.Module):
    def __init__(self, attention="eager", step=True):
        super().__init__()
        self.step = step
        self.model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
            hidden_size=HIDDEN, num_attention_heads=HEADS, num_key_value_heads=2, num_hidden_layers=LAYERS,
            intermediate_size=48, vocab_size=WORDS, max_position_embeddings=64, initializer_range=0.2,
            attn_implementation=attention))

    def forward(self, input_ids, attention_mask, position_ids, *past):
        return decode(self.model, self.step, past, input_ids=input_ids, attention_mask=attention_mask,
                      position_ids=position_ids)


def decode(model, step, past, **inputs):
    past = past[0] if len(past) == 1 and isinstance(past[0], (tuple, list)) else past
    cache = DynamicCache()
    for layer in range(len(past) // 2):
        cache.update(past[2 * layer], past[2 * layer + 1], layer)
    out = model(past_key_values=cache, use_cache=step, **inputs)
    if not step:
        return out.logits
    grown = [t for layer in out.past_key_values.layers for t in (layer.keys, layer.values)]
    return (out.logits, *grown)


class Vit(nn.Module):
    def __init__(self, attention="sdpa"):
        super().__init__()
        self.model = transformers.ViTForImageClassification(transformers.ViTConfig(
            hidden_size=HIDDEN, num_attention_heads=HEADS, num_hidden_layers=LAYERS, intermediate_size=48,
            image_size=16, patch_size=4, num_labels=7, initializer_range=0.2, attn_implementation=attention))

    def forward(self, pixel_values):
        return self.model(pixel_values).logits


class MobileNetV2(nn.Module):
    """Inverted residuals with ReLU6; batch norm with statistics as after training."""

    def __init__(self):
        super().__init__()
        layers = [self.unit(3, 8, 3, 2)]
        for n_in, n_out, stride, expand in [(8, 8, 1, 1), (8, 12, 2, 4), (12, 12, 1, 4), (12, 20, 2, 4)]:
            layers.append(InvertedResidual(n_in, n_out, stride, expand))
        self.features = nn.Sequential(*layers, self.unit(20, 48, 1, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(48, 7))

    @staticmethod
    def unit(n_in, n_out, kernel, stride, groups=1):
        return nn.Sequential(nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, groups=groups, bias=False),
                             nn.BatchNorm2d(n_out), nn.ReLU6())

    def forward(self, image):
        x = nn.functional.adaptive_avg_pool2d(self.features(image), (1, 1))
        return self.classifier(torch.flatten(x, 1))


class InvertedResidual(nn.Module):
    def __init__(self, n_in, n_out, stride, expand):
        super().__init__()
        wide, unit = n_in * expand, MobileNetV2.unit
        self.residual = stride == 1 and n_in == n_out
        self.conv = nn.Sequential(*([unit(n_in, wide, 1, 1)] if expand > 1 else []), unit(wide, wide, 3, stride, wide),
                                  nn.Conv2d(wide, n_out, 1, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV3Block(nn.Module):
    """Hard swish and squeeze-excite."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish())
        self.depthwise = nn.Sequential(nn.Conv2d(16, 16, 5, 1, 2, groups=16, bias=False), nn.BatchNorm2d(16),
                                       nn.Hardswish())
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 8, 1), nn.ReLU(), nn.Conv2d(8, 16, 1),
                                     nn.Hardsigmoid())
        self.project = nn.Sequential(nn.Conv2d(16, 16, 1, bias=False), nn.BatchNorm2d(16))
        self.head = nn.Linear(16, 7)

    def forward(self, image):
        x = self.stem(image)
        y = self.depthwise(x)
        return self.head((x + self.project(self.squeeze(y) * y)).mean((2, 3)))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = transformers.ResNetForImageClassification(transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[16, 24], depths=[2, 2], layer_type="bottleneck", num_labels=7))

    def forward(self, image):
        return self.model(image).logits


class UNet(nn.Module):
    """mode "transposed", or one of nn.functional.interpolate's, to the skip's size."""

    def __init__(self, mode):
        super().__init__()
        self.mode = mode
        self.down = nn.ModuleList([self.double(3, 8), self.double(8, 16)])
        self.bottom = self.double(16, 24)
        self.up = nn.ModuleList([nn.ConvTranspose2d(24, 16, 2, 2), nn.ConvTranspose2d(16, 8, 2, 2)]
                                if mode == "transposed" else [nn.Conv2d(24, 16, 1), nn.Conv2d(16, 8, 1)])
        self.join = nn.ModuleList([self.double(32, 16), self.double(16, 8)])
        self.head = nn.Conv2d(8, 2, 1)

    @staticmethod
    def double(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.GroupNorm(4, n_out), nn.SiLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.ReLU())

    def forward(self, image):
        x, skips = image, []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = self.bottom(x)
        for up, join, skip in zip(self.up, self.join, reversed(skips)):
            if self.mode == "transposed":
                x = up(x)
            else:
                corners = False if self.mode == "bilinear" else None
                x = up(nn.functional.interpolate(x, size=skip.shape[2:], mode=self.mode, align_corners=corners))
            x = join(torch.cat([skip, x], 1))
        return torch.sigmoid(self.head(x))


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24)
        self.lstm = nn.LSTM(24, 16, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(32, 5)

    def forward(self, tokens):
        logits = self.head(self.lstm(self.embed(tokens))[0])
        return logits.log_softmax(-1), logits.argmax(-1)


class Gru(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(12, 16, batch_first=True), nn.Linear(16, 3)

    def forward(self, x):
        y, last = self.gru(x)
        return self.head(y), last


class Encoder(nn.Module):
    """nn.TransformerEncoder with its own attention (a packed in-projection), pre-norm, GELU."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(HIDDEN, HEADS, 48, activation="gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)

    def forward(self, x):
        return self.layers(x)


# ---- what to export: (module, inputs, dynamic axes by input name, output names) ----

BATCH, SEQ = {0: "batch"}, {0: "batch", 1: "seq"}
PAST, TOTAL = {0: "batch", 2: "past"}, {0: "batch", 1: "total"}
SPACE = {0: "batch", 2: "height", 3: "width"}


def tokens(batch=2, seq=8):
    return torch.randint(0, WORDS, (batch, seq))


def past_inputs(kv, past=5, batch=2):
    names = [f"past.{layer}.{what}" for layer in range(LAYERS) for what in ("key", "value")]
    return {name: torch.randn(batch, kv, past, HIDDEN // HEADS) for name in names}


def outputs_of_step():
    return ["logits"] + [f"present.{layer}.{what}" for layer in range(LAYERS) for what in ("key", "value")]


def text_case(module):
    inputs = {"input_ids": tokens(), "attention_mask": torch.ones(2, 8, dtype=torch.int64), "token_type_ids": tokens() % 2}
    return module, inputs, dict.fromkeys(inputs, SEQ), ["last_hidden_state", "pooler_output"]


def prompt_case(module, positions):
    inputs = {"input_ids": tokens(), "attention_mask": torch.ones(2, 8, dtype=torch.int64)}
    if positions:
        inputs["position_ids"] = torch.arange(8)[None].repeat(2, 1)
    return module, inputs, dict.fromkeys(inputs, SEQ), ["logits"]


def step_case(module, kv, positions):
    inputs = {"input_ids": tokens(2, 3), "attention_mask": torch.ones(2, 8, dtype=torch.int64)}
    axes = {"input_ids": SEQ, "attention_mask": TOTAL}
    if positions:
        inputs["position_ids"], axes["position_ids"] = torch.arange(5, 8)[None].repeat(2, 1), SEQ
    past = past_inputs(kv)
    return module, {**inputs, **past}, {**axes, **dict.fromkeys(past, PAST)}, outputs_of_step()


def image_case(module, size, axes=BATCH, outputs=("logits",)):
    return module, {"image": torch.randn(2, 3, *size)}, {"image": axes}, list(outputs)


CASES = {
    "bert": lambda: text_case(Bert()),
    "bert_sdpa": lambda: text_case(Bert("sdpa")),
    "gpt2": lambda: prompt_case(Gpt2("eager"), False),
    "gpt2_step": lambda: step_case(Gpt2("sdpa", True), HEADS, False),
    "llama": lambda: prompt_case(Llama("sdpa", False), True),
    "llama_step": lambda: step_case(Llama("eager"), 2, True),
    "llama_step_sdpa": lambda: step_case(Llama("sdpa"), 2, True),
    "vit": lambda: (Vit(), {"pixel_values": torch.randn(2, 3, 16, 16)}, {"pixel_values": BATCH}, ["logits"]),
    "mobilenet_v2": lambda: image_case(MobileNetV2(), (32, 32), SPACE),
    "mobilenet_v3": lambda: image_case(MobileNetV3Block(), (32, 32), BATCH),
    "resnet": lambda: image_case(ResNet(), (32, 32), SPACE),
    "unet": lambda: image_case(UNet("transposed"), (16, 24), SPACE, ["mask"]),
    "unet_nearest": lambda: image_case(UNet("nearest"), (16, 24), SPACE, ["mask"]),
    "unet_bilinear": lambda: image_case(UNet("bilinear"), (16, 24), SPACE, ["mask"]),
    "lstm_tagger": lambda: (Tagger(), {"tokens": tokens()}, {"tokens": SEQ}, ["scores", "tags"]),
    "gru": lambda: (Gru(), {"x": torch.randn(2, 8, 12)}, {"x": SEQ}, ["y", "last"]),
    "encoder": lambda: (Encoder(), {"x": torch.randn(2, 8, HIDDEN)}, {"x": SEQ}, ["y"]),
}
STATIC_TOO = ["bert", "gpt2_step", "llama_step", "vit", "mobilenet_v2", "unet_bilinear", "lstm_tagger"]


def randomize(module):
    """Statistics and biases away from 0 and 1, so that folding them wrongly shows."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.running_mean.normal_(0, 0.1)
            child.running_var.uniform_(0.5, 1.5)
    for name, parameter in module.named_parameters():
        if parameter.dim() == 1:
            with torch.no_grad():
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return module.eval()


def export(name, kind, static):
    torch.manual_seed(len(name))
    module, inputs, axes, outputs = CASES[name]()
    randomize(module)
    path = os.path.join(HERE, f"{name}{'_static' if static else ''}.{kind}.onnx")
    given = tuple(inputs.values())
    names = list(inspect.signature(module.forward).parameters)
    if kind == "ts":
        dynamic = None if static else {k: v for k, v in axes.items()}
        torch.onnx.export(module, given, path, input_names=list(inputs), output_names=outputs, dynamic_axes=dynamic,
                          opset_version=17, dynamo=False)
    else:
        shapes = None
        if not static:
            auto = {k: {axis: torch.export.Dim.DYNAMIC for axis in v} for k, v in axes.items()}
            shapes = {n: auto[n] for n in names if n in auto}
            rest = tuple(v for k, v in auto.items() if k not in shapes)
            if rest:
                shapes[names[-1]] = rest
        torch.onnx.export(module, given, path, input_names=list(inputs), output_names=outputs, dynamic_shapes=shapes,
                          dynamo=True, external_data=False, optimize=True)
    strip(path)
    size = os.path.getsize(path)
    print(f"{os.path.basename(path)}: {size} bytes, opset {onnx.load(path).opset_import[0].version}")
    if size > LIMIT:
        raise ValueError(f"{path}: {size} bytes, the limit is {LIMIT}")


def strip(path):
    """Takes out the source lines that the exporter leaves in each node: machine paths, and most of the file."""
    model = onnx.load(path)
    del model.metadata_props[:]
    for graph in [model.graph, *model.functions]:
        del graph.metadata_props[:]
        graph.doc_string = ""
        for thing in [*graph.node, *graph.value_info]:
            thing.doc_string = ""
            if hasattr(thing, "metadata_props"):
                del thing.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    onnx.save(model, path)


def main():
    warnings.simplefilter("ignore")
    os.makedirs(HERE, exist_ok=True)
    wanted, failures = sys.argv[1:] or list(CASES), []
    for name in wanted:
        for kind in ("ts", "dynamo"):
            for static in (False, True) if name in STATIC_TOO else (False,):
                try:
                    export(name, kind, static)
                except Exception as error:
                    failures.append(f"{name} {kind} static={static}: {type(error).__name__}: {str(error)[:300]}")
                    print("FAILED", failures[-1])
    print(f"{len(failures)} failed")


if __name__ == "__main__":
    main()

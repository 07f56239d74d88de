"""Sampling in PyTorch, to measure against: the usual loop of one forward pass a pixel, and one such pass.

    sample.py --peers ../shared/peers [--hidden 500,500] [--count 100] [--threads 1]

Prints one JSON line: seconds by the clock and by the processor's time of drawing COUNT images with the peers' own model
(masks multiplied in at each pass) and with its weights masked once, and of one dense forward pass of as many images.
"""
import argparse, json, sys, time

p = argparse.ArgumentParser()
p.add_argument("--peers", required=True)
p.add_argument("--hidden", default="500")
p.add_argument("--count", type=int, default=100)
p.add_argument("--threads", type=int, default=1)
a = p.parse_args()
sys.path.insert(0, a.peers)

import torch, torch.nn as nn
from torch_made import made

torch.set_num_threads(a.threads)
torch.manual_seed(0)
net = made([int(width) for width in a.hidden.split(",")])
dense = nn.Sequential(*[nn.Linear(l.in_features, l.out_features) if hasattr(l, "mask") else l for l in net])
for linear, layer in zip(dense, net):
    if hasattr(layer, "mask"):
        linear.weight.data, linear.bias.data = layer.weight.data * layer.mask, layer.bias.data


def draw(net):
    x = torch.zeros(a.count, 784)
    for d in range(784):
        x[:, d] = torch.bernoulli(torch.sigmoid(net(x)[:, d]))
    return x


def timed(work, repeat=1):
    start, used = time.perf_counter(), time.process_time()
    for _ in range(repeat):
        x = work()
    return (time.perf_counter() - start) / repeat, (time.process_time() - used) / repeat, x


with torch.no_grad():
    dense(torch.zeros(a.count, 784))
    clock, processor, x = timed(lambda: draw(net))
    _, masked_once, _ = timed(lambda: draw(dense))
    _, one, _ = timed(lambda: dense(x), 200)
print(json.dumps({"seconds": clock, "processor_seconds": processor, "masked_once_processor_seconds": masked_once,
                  "dense_forward_processor_seconds": one}))

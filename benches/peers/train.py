"""Training in PyTorch, to measure against: as its users write it, and tuned by hand.

    train.py --peers ../shared/peers --data X.idx3-ubyte.gz [--variant eager|fused|tuned] [--hidden 500] [--masks 1] ...

eager  the peers' own model, masks multiplied in at each pass, the optimiser as it comes
fused  the same with `fused=True`, one pass over memory for each parameter
tuned  fused, and no mask in the passes: masked weights are set back to zero after each step

Prints one JSON line: images a second by the clock and by the processor's time, medians over epochs after a first one.
"""
import argparse, json, sys, time

p = argparse.ArgumentParser()
p.add_argument("--peers", required=True)
p.add_argument("--data", required=True)
p.add_argument("--variant", default="eager", choices=["eager", "fused", "tuned"])
p.add_argument("--hidden", default="500")
p.add_argument("--optimizer", default="adam", choices=["sgd", "adam", "adagrad"])
p.add_argument("--masks", type=int, default=1)
p.add_argument("--threads", type=int, default=1)
p.add_argument("--epochs", type=int, default=2)
p.add_argument("--limit", type=int, default=10000)
a = p.parse_args()
sys.path.insert(0, a.peers)

import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from torch_made import images, made

torch.set_num_threads(a.threads)
torch.manual_seed(0)
hidden = [int(width) for width in a.hidden.split(",")]
x, net = images(a.data, a.limit), made(hidden)
masked = [layer for layer in net if hasattr(layer, "mask")]
sets = [[layer.mask for layer in made(hidden, seed=k) if hasattr(layer, "mask")] for k in range(a.masks)]
parameters, forward = list(net.parameters()), net
if a.variant == "tuned":
    plain = nn.Sequential(*[nn.Linear(l.in_features, l.out_features) if hasattr(l, "mask") else l for l in net])
    pairs = list(zip([layer for layer in plain if isinstance(layer, nn.Linear)], masked))
    for linear, layer in pairs:
        linear.weight.data = layer.weight.data * layer.mask
        linear.bias.data = layer.bias.data.clone()
    parameters, forward = list(plain.parameters()), plain
rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adagrad": torch.optim.Adagrad}[a.optimizer]
opt = rule(parameters, lr=1e-3 if a.optimizer == "adam" else 0.01, **({} if a.variant == "eager" else {"fused": True}))

clock, processor, step = [], [], 0
for _ in range(a.epochs + 1):
    order, start, used = torch.randperm(len(x)), time.perf_counter(), time.process_time()
    for i in range(0, len(x), 100):
        if a.masks > 1:
            for layer, mask in zip(masked, sets[step % a.masks]):
                layer.mask = mask
        b = x[order[i : i + 100]]
        step += 1
        opt.zero_grad(set_to_none=True)
        loss = F.binary_cross_entropy_with_logits(forward(b), b, reduction="sum") / len(b)
        loss.backward()
        opt.step()
        if a.variant == "tuned":
            with torch.no_grad():
                for linear, layer in pairs:
                    linear.weight.mul_(layer.mask)
    clock.append(len(x) / (time.perf_counter() - start))
    processor.append(len(x) / (time.process_time() - used))
print(json.dumps({"images_per_second": float(np.median(clock[1:])),
                  "images_per_processor_second": float(np.median(processor[1:])),
                  "last_batch_nll_nats": float(loss.detach())}))

"""Files as people's programs write them, below the folder given: readable ones in `read`, others in `refused`."""

import gzip
import os
import pickle
import shutil
import sys

import numpy as np
import pandas as pd
import scipy.io
from PIL import Image

os.chdir(sys.argv[1])
os.makedirs("read")
os.makedirs("refused")
rng = np.random.default_rng(0)
images = (rng.random((60, 6, 6)) < 0.4).astype("u1")
rows = images.reshape(60, 36)
names = [f"p{i}" for i in range(36)]

frame = pd.DataFrame(rows)
frame.to_csv("read/index.csv")
frame.to_csv("read/numbered.csv", index=False)
frame.to_csv("read/bare.csv", index=False, header=False)
frame.to_csv("read/bom.csv", index=False, header=False, encoding="utf-8-sig")
frame.astype(bool).to_csv("read/bools.csv", index=False)
frame.astype(float).to_csv("read/comma.csv", index=False, sep=";", decimal=",")
pd.DataFrame(rows, columns=names).assign(label=["cat", "dog"] * 30).to_csv("read/label.csv", index=False)
pd.DataFrame(rows, columns=names).assign(species=["cat", "dog"] * 30).to_csv("read/species.csv", index=False)
frame.assign(label=["cat", "dog"] * 30).to_csv("read/mixed.csv")
pd.read_csv("read/mixed.csv").to_csv("read/mixed_twice.csv")
np.savetxt("read/savetxt.txt", rows)
np.savetxt("read/savetxt.csv.gz", rows, fmt="%d", delimiter=",")
np.save("read/c.npy", images)
np.save("read/fortran.npy", np.asfortranarray(images))
np.save("read/big.npy", images.astype(">f8"))
np.save("read/half.npy", images.astype("f2"))
np.save("read/bool.npy", images.astype(bool))
np.save("read/colour.npy", np.repeat(images[..., None] * 255, 3, axis=-1))
np.savez("read/strings.npz", images=images, target=np.array(["cat", "dog"] * 30), names=np.array([{}], dtype=object))
header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in images.shape)
with open("read/tail-ubyte.gz", "wb") as file:
    file.write(gzip.compress(header + images.tobytes()[:99]) + gzip.compress(images.tobytes()[99:]) + bytes(512))
for ending, folder in (("png", "read/pictures"), ("png", "read/deep/set/all"), ("bmp", "refused/pictures")):
    for i, image in enumerate(images):
        os.makedirs(f"{folder}/{'ab'[i >= 30]}", exist_ok=True)
        Image.fromarray(image * 255).save(f"{folder}/{'ab'[i >= 30]}/{i}.{ending}")
open("read/pictures/README.txt", "w").write("sixty letters\nin two classes, of course\n")
shutil.make_archive("read/zipped", "zip", "read/pictures")
shutil.make_archive("read/tarred", "gztar", "read/pictures")

frame.to_csv("refused/utf16.csv", index=False, encoding="utf-16")
frame.astype(float).mask(frame.index.to_series() == 3).to_csv("refused/missing.csv", index=False)
frame.to_csv("refused/x.csv.xz")
frame.to_json("refused/x.json")
scipy.io.savemat("refused/x.mat", {"X": rows})
with open("refused/x.pkl", "wb") as file:
    pickle.dump(rows, file)
open("refused/lfs.npy", "w").write("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n")
open("refused/page.npy", "w").write("<!DOCTYPE html><html>404</html>")

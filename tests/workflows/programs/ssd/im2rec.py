# -*- coding: utf-8 -*-
"""The lists and records of MXNet's own tools/im2rec.py, its flow in small."""
from __future__ import print_function
import os, sys, random, argparse, time, traceback
import cv2
import mxnet as mx
import multiprocessing
try:
    import Queue as queue
except ImportError:
    import queue

def list_image(root, exts):
    i, cat = 0, {}
    for path, dirs, files in os.walk(root, followlinks=True):
        dirs.sort(); files.sort()
        for fname in files:
            if os.path.splitext(fname)[1].lower() in exts:
                if path not in cat:
                    cat[path] = len(cat)
                yield (i, os.path.relpath(os.path.join(path, fname), root), cat[path])
                i += 1

def read_worker(args, q_in, q_out):
    while True:
        deq = q_in.get()
        if deq is None:
            break
        i, item = deq
        header = mx.recordio.IRHeader(0, float(item[2]), item[0], 0)
        img = cv2.imread(os.path.join(args.root, item[1]), 1)
        q_out.put((i, mx.recordio.pack_img(header, img, quality=95, img_fmt=".png"), item))

def write_worker(q_out, fname, working_dir):
    record = mx.recordio.MXIndexedRecordIO(os.path.join(working_dir, fname + ".idx"), os.path.join(working_dir, fname + ".rec"), "w")
    while True:
        deq = q_out.get()
        if deq is None:
            break
        i, s, item = deq
        record.write_idx(item[0], s)
    record.close()

if __name__ == "__main__":
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("prefix")
    parser.add_argument("root")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--num-thread", type=int, default=1)
    args = parser.parse_args()
    args.root = os.path.abspath(args.root)
    working_dir = os.path.dirname(os.path.abspath(args.prefix))
    if args.list:
        images = list(list_image(args.root, {".jpg", ".png"}))
        random.seed(100); random.shuffle(images)
        with open(args.prefix + ".lst", "w") as fout:
            for i, item in enumerate(images):
                fout.write("%d\t%f\t%s\n" % (item[0], item[2], item[1]))
    else:
        q_in = [multiprocessing.Queue(1024) for _ in range(args.num_thread)]
        q_out = multiprocessing.Queue(1024)
        readers = [multiprocessing.Process(target=read_worker, args=(args, q, q_out)) for q in q_in]
        for p in readers: p.start()
        writer = multiprocessing.Process(target=write_worker, args=(q_out, os.path.basename(args.prefix), working_dir))
        writer.start()
        for i, line in enumerate(open(args.prefix + ".lst")):
            n, label, path = line.strip().split("\t")
            q_in[i % len(q_in)].put((i, (int(n), path, label)))
        for q in q_in: q.put(None)
        for p in readers: p.join()
        q_out.put(None)
        writer.join()

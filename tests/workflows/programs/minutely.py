# A long run of its own: it saves every "minute" by os.replace, keeps a link to the last, goes on from it, and has its own way with SIGTERM.
import atexit, faulthandler, json, os, random, signal, sys, threading, time
faulthandler.enable()
stopped = threading.Event()

def handler(signum, frame):
    print("caught", signal.Signals(signum).name, flush=True)
    stopped.set()

signal.signal(signal.SIGTERM, handler)
signal.signal(signal.SIGINT, handler)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
steps = int(os.environ.get("STEPS", "40"))
here = os.path.dirname(os.path.realpath(__file__))
ckpt = os.path.join(here, "ckpt")
os.makedirs(ckpt, exist_ok=True)
last = os.path.join(ckpt, "last")
begin = json.load(open(last))["step"] if os.path.exists(last) else 0
with open("run.pid", "w") as f:
    f.write(str(os.getpid()))
atexit.register(lambda: os.remove("run.pid"))
log = open("curve.tsv", "a", buffering=1)
for step in range(begin + 1, begin + steps + 1):
    log.write("%d\t%f\n" % (step, 1.0 / step))
    if step % 5 == 0 or stopped.is_set():
        tmp = os.path.join(ckpt, ".tmp.%d" % os.getpid())
        with open(tmp, "w") as f:
            json.dump({"step": step, "rng": random.getstate()[1][:3]}, f)
            f.flush(); os.fsync(f.fileno())
        name = os.path.join(ckpt, "step-%05d.json" % step)
        os.replace(tmp, name)
        os.symlink(os.path.basename(name), last + ".new"); os.rename(last + ".new", last)
        for old in sorted(n for n in os.listdir(ckpt) if n.startswith("step-"))[:-3]:
            os.unlink(os.path.join(ckpt, old))
    if stopped.is_set():
        sys.exit(0)
    time.sleep(0.02)
    sys.stdout.write("\rstep %d/%d" % (step, begin + steps)); sys.stdout.flush()
print()

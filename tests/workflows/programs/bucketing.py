# A language model with buckets: BucketingModule, rnn cells of symbols, a monitor, a Speedometer, saved and loaded.
import argparse, collections, logging, os, random
import mxnet as mx
import numpy as np

parser = argparse.ArgumentParser(description="PennTreeBank LSTM", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument("corpus", help="a file of sentences")
parser.add_argument("--num-hidden", type=int, required=True)
parser.add_argument("--model-prefix", required=True)
parser.add_argument("--num-epochs", type=int, default=2)
parser.add_argument("--kv-store", default="local")
parser.add_argument("--note", default="")
args = parser.parse_args()

buckets = [4, 8]
head = "%(asctime)-15s %(message)s"
logging.basicConfig(level=logging.DEBUG, format=head)
print("note", repr(args.note))

def tokenize_text(fname, vocab=None, invalid_label=-1, start_label=0):
    lines = [list(filter(None, i.split(" "))) for i in open(fname).read().split("\n") if i]
    return mx.rnn.encode_sentences(lines, vocab=vocab, invalid_label=invalid_label, start_label=start_label)

train_sent, vocab = tokenize_text(args.corpus, start_label=1, invalid_label=0)
data_train = mx.rnn.BucketSentenceIter(train_sent, 4, buckets=buckets, invalid_label=0)
stack = mx.rnn.SequentialRNNCell()
stack.add(mx.rnn.LSTMCell(num_hidden=args.num_hidden, prefix="lstm_l0_"))

def sym_gen(seq_len):
    data, label = mx.sym.Variable("data"), mx.sym.Variable("softmax_label")
    embed = mx.sym.Embedding(data=data, input_dim=len(vocab) + 1, output_dim=8, name="embed")
    stack.reset()
    outputs, states = stack.unroll(seq_len, inputs=embed, merge_outputs=True)
    pred = mx.sym.FullyConnected(mx.sym.Reshape(outputs, shape=(-1, args.num_hidden)), num_hidden=len(vocab) + 1, name="pred")
    return mx.sym.SoftmaxOutput(pred, mx.sym.Reshape(label, shape=(-1,)), name="softmax"), ("data",), ("softmax_label",)

model = mx.mod.BucketingModule(sym_gen=sym_gen, default_bucket_key=data_train.default_bucket_key, context=mx.cpu())
model.fit(train_data=data_train, eval_metric=mx.metric.Perplexity(0), kvstore=args.kv_store, optimizer="sgd",
          optimizer_params={"learning_rate": .05, "wd": 1e-5}, initializer=mx.init.Xavier(factor_type="in", magnitude=2.34),
          num_epoch=args.num_epochs, batch_end_callback=mx.callback.Speedometer(4, 2, auto_reset=False),
          monitor=mx.mon.Monitor(10, pattern=".*weight"),
          epoch_end_callback=mx.rnn.do_rnn_checkpoint(stack, args.model_prefix, 1))

import argparse
import json
import logging
import os
import sys

from . import __version__
from .data import load_points
from .nets import build

log = logging.getLogger(__package__)


def fit(args):
    options = {'lr': 0.1, 'hidden': 4}
    if not sys.stdin.isatty():
        options.update(json.loads(sys.stdin.read() or '{}'))
    from mxnet import autograd, gluon, nd
    X, y, names = load_points()
    net = build(options['hidden'], len(names))
    trainer = gluon.Trainer(net.collect_params(), 'sgd', {'learning_rate': options['lr']})
    loss_fn = gluon.loss.SoftmaxCrossEntropyLoss()
    for epoch in range(args.epochs):
        with autograd.record():
            loss = loss_fn(net(nd.array(X)), nd.array(y)).mean()
        loss.backward()
        trainer.step(1)
        log.info('epoch %d loss %.3f', epoch, loss.asscalar())
    os.makedirs(args.model_dir, exist_ok=True)
    net.export(os.path.join(args.model_dir, 'gearnet'), epoch=args.epochs)
    with open(os.path.join(args.model_dir, 'labels.json'), 'w') as f:
        json.dump({'labels': names, 'options': options, 'version': __version__}, f)


def info(args):
    print('gearnet', __version__)


def main():
    parser = argparse.ArgumentParser(prog='gearnet')
    commands = parser.add_subparsers(dest='command')
    commands.required = True
    one = commands.add_parser('fit')
    one.add_argument('--epochs', type=int, default=1)
    one.add_argument('--model-dir', default='models')
    one.set_defaults(call=fit)
    commands.add_parser('info').set_defaults(call=info)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format='%(name)s %(message)s')
    args.call(args)


if __name__ == '__main__':
    main()

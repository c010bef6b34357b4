# From a workstation where everything lay below the home folder.
import atexit
import os
import shutil
import tempfile

import mxnet as mx
from mxnet import gluon

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.expanduser('~/turbine results')

if not os.path.isdir(RESULTS):
    os.makedirs(RESULTS)
scratch = tempfile.mkdtemp()
atexit.register(shutil.rmtree, scratch)

os.chdir(scratch)
with open('list.txt', 'w') as f:
    f.write('\n'.join(sorted(os.listdir(os.path.join(HERE, 'corpora')))))

net = gluon.nn.Dense(2)
net.initialize()
net(mx.nd.ones((1, 3)))
net.save_parameters('net.params')

os.chdir(RESULTS)
shutil.copy(os.path.join(scratch, 'net.params'), 'net.params')
shutil.move(os.path.join(scratch, 'list.txt'), 'list.txt')
with open(os.path.join(os.environ['HOME'], '.turbinerc'), 'w') as f:
    f.write('last = %s\n' % RESULTS)
os.chdir('..')
print('in', os.path.basename(RESULTS), sorted(os.listdir('turbine results')))

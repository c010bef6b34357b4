# Lesson 8: CPU or GPU. The card: docs/lessons/08-devices.md
# Read the card, close it, and fill the cells from memory. `make lesson-check N=8` tells what is missing.
# On a rented GPU, as it stands: make train remote SCRIPT=lessons/08_devices.py

# %% What you need


# %% best_device(): the first GPU where there is one, else the CPU


# %% prepare(images, device): uint8 (n, 28, 28, 1) on the CPU -> float32 (n, 1, 28, 28) from 0 to 1 on the device
# With a transform of Gluon or by hand; where is it done: before or after the move?


# %% make_net(device, width): Dense(width, relu) and Dense(10), with its parameters on the device


# %% seconds_of(work, repeats): the seconds of one call of the function `work`, on average, waiting included
# The first call is not counted: it may prepare things.


# %% Try it: one training step on every device, for small and for large nets; who wins, and where does it turn?
if __name__ == "__main__":
    pass

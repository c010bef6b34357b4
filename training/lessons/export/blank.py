# Lesson 9: hybridize, export, and run it without MXNet. The card: docs/lessons/09-export.md
# Read the card, close it, and fill the cells from memory. `make lesson-check N=9` tells what is missing.

# %% What you need


# %% make_net(): a HybridSequential of Dense(16, relu) and Dense(3), initialized


# %% export(net, X, folder): leaves model-symbol.json and model-0000.params in the folder


# %% load(folder): the net out of these two files, without the Python code that made it; its input is named "data"


# %% to_onnx(folder, shape): makes model.onnx in the folder out of the two files; `shape`: of a batch, such as (1, 4)


# %% predict_without_mxnet(path, X): what the ONNX file says of a NumPy batch X, by onnxruntime alone; a NumPy array


# %% Try it: do the net, the loaded net and ONNX say the same?
if __name__ == "__main__":
    pass

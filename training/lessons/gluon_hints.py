"""Hints that several lessons share: what Gluon and autograd say of a net that is trained the wrong way."""

from __future__ import annotations

from training.lessons.hint import Hint, KnownError

NOT_A_BLOCK = Hint(
    "not-a-block",
    "`make_net` does not give a Gluon net.",
    "A Block knows its parameters and its layers; a Trainer can work with it.",
    "Look at the last line of `make_net`: which class is the thing that it returns?",
)
NOT_INITIALIZED = Hint(
    "not-initialized",
    "The net's parameters have no values yet.",
    "A layer only says which parameters there will be; the first numbers must be asked for.",
    "Look for the method of the net that gives them, and call it before the net is used.",
)
NOT_RECORDED = Hint(
    "not-recorded",
    "The loss was computed while autograd was not recording.",
    "Without the recording there is no way back from the loss to the weights.",
    "Which block must be open around the lines that call the net and the loss?",
)
STALE = Hint(
    "stale",
    "The Trainer found gradients that are older than its last step.",
    "A step needs new gradients: each step belongs to one backward.",
    "Find the line with `step`: what must happen before it, for every batch?",
)
NO_VALUES = KnownError("has not been initialized", NOT_INITIALIZED)
NO_GRAPH = KnownError("not in a computational graph", NOT_RECORDED)
OLD_GRADIENT = KnownError("has not been updated by backward", STALE)


def graph_errors(not_attached: Hint, not_recorded: Hint) -> tuple[KnownError, ...]:
    """What autograd says of gradients by hand, with the lesson's own hints: MXNet says the same of both mistakes."""
    return (
        KnownError("not in a computational graph", not_attached, lacks="attach_grad"),
        KnownError("not in a computational graph", not_recorded),
        KnownError("require gradient have been marked", not_attached),
    )

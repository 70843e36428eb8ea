"""Keep what torch imports for its compiler out of the way of the first picture."""

from __future__ import annotations

import inspect
import threading
from importlib import import_module

METHODS = ("add_param_group", "state_dict", "load_state_dict", "zero_grad")
"""Methods of torch's optimizers that import the compiler only to say that it must not compile them."""


def put_off_compiler() -> None:
    """Let optimizers be made and saved without torch's compiler, whose import takes as long as torch's own.

    Torch looks for the uncompiled form of these methods in an attribute and imports the compiler if there is
    none. Nothing here is ever compiled, so the methods themselves are that form. Where a version of torch does it
    otherwise, nothing changes.
    """
    from torch.optim import Optimizer

    for name in METHODS:
        method = getattr(Optimizer, name, None)
        plain = inspect.unwrap(method) if method is not None else None
        if plain is not None and plain is not method:
            setattr(plain, "__dynamo_disable", plain)


def import_compiler_aside() -> threading.Thread:
    """Import the compiler in a thread, since the first gradient step wants it anyway and would stand still."""
    thread = threading.Thread(target=import_module, args=("torch._dynamo",), name="import", daemon=True)
    thread.start()
    return thread

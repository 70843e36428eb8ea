"""Round steps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from calf_gpu.ticks import nice_step


@given(st.floats(1e-6, 1e6))
def test_steps_are_round_and_not_too_small(wanted):
    step = nice_step(wanted)
    mantissa = step / 10.0 ** np.floor(np.log10(step) + 1e-9)
    assert round(mantissa, 6) in (1, 2, 5)
    assert 0.998 * wanted <= step <= 2.51 * wanted

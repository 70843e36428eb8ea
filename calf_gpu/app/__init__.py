"""The application. In a checkout it is the folder ``ursina/``; an installed package has it here.

The folder itself must stay without ``__init__.py``: with one, ``import ursina`` in a checkout would find it instead
of the engine of that name.
"""

from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2] / "ursina"

if (_CHECKOUT / "main.py").is_file():
    __path__ = [str(_CHECKOUT)]

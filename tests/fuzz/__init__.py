"""Functions that take any bytes at all, for two drivers.

The suite drives them with Hypothesis (`test_targets.py`). ``python -m tests.fuzz NAME``, with
``pip install -e '.[dev,fuzz]'``, drives one with Atheris, which looks where code has not been yet,
until it is stopped; it takes the options of libFuzzer, such as ``-max_total_time=300``.
"""

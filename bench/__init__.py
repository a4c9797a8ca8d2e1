"""The benchmark: this provider beside its peers, in one run, on one machine, every answer checked.

`run.py` is the command; `system.py` says what a system under test is; `ours.py` and `peers/` set them up; `load.py` is
the load; `processes.py` reads what the kernel says of their CPU time and memory; `report.py` writes bench/results/.
"""

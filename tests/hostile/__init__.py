"""Requests that nobody friendly sends, made from a seed, so that each can be made again.

words.py holds what they are made of; household.py what a person and a service really have; valid.py the good request of
each endpoint, mutation.py what becomes of it; noise.py requests that are wrong from the start; faults.py what no answer
may be. The tests stand in tests/test_hostile.py and, over real sockets, in tests/test_hostile_wire.py.
"""

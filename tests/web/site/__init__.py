"""Tests of the pages in the folder of the same name."""

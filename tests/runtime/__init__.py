"""What the process is given from outside, tested where it meets the rest."""

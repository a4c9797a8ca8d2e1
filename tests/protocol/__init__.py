"""What relying services do, requirement by requirement of its specifications."""

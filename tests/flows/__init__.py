"""What people do, deed by deed."""

"""Values and rules of identity: pure, frozen, without clock, SQL, Flask or I/O."""

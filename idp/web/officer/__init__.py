"""How officers sign in, and what they do at a counter."""

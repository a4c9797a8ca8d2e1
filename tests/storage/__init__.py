"""Every query, tested on both stores."""

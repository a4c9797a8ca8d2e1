"""The tests; the folders mirror idp/, and journeys/ tells whole stories with real processes and a browser."""
